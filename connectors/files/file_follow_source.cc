#include "connectors/files/file_follow_source.h"

#include <xxhash.h>

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/limits.h"
#include "connectors/files/estimated_records.h"
#include "connectors/files/file_splits.h"
#include "connectors/files/followed_file.h"
#include "connectors/plan_types.h"
#include "connectors/source_rows.h"
#include "connectors/split_watermarks.h"

namespace systole {
namespace {

constexpr uint32_t followed_state_version = 1;
constexpr std::chrono::milliseconds look_interval{200};   ///< between two looks at the files' sizes
constexpr std::chrono::milliseconds list_interval{1'000};  ///< between two listings of the pattern

using followed_positions = std::map<std::string, followed_position>;

std::string encode(const followed_positions& positions) {
  std::string out;
  append_fixed(out, followed_state_version);
  append_fixed(out, static_cast<uint32_t>(positions.size()));
  for (const auto& [path, at] : positions) {
    append_bytes(out, path);
    append_fixed(out, at.number);
    for (const uint64_t each : {at.next, at.head_bytes, at.head_xxh3, at.records}) append_fixed(out, each);
    append_fixed(out, at.newest);
    append_fixed(out, at.announced);
  }
  return out;
}

result<void> decode(const std::string& bytes, followed_positions& into) {
  byte_reader reader(bytes);
  const auto version = reader.fixed<uint32_t>();
  if (reader.ok() && version != followed_state_version)
    return fail(error_code::incompatible, "the positions of followed files have version " + std::to_string(version) +
                                              "; this build reads version " + std::to_string(followed_state_version));
  const auto count = reader.fixed<uint32_t>();
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    const std::string path(reader.bytes());
    followed_position& at = into[path];
    at.number = reader.fixed<uint32_t>();
    for (uint64_t* each : {&at.next, &at.head_bytes, &at.head_xxh3, &at.records}) *each = reader.fixed<uint64_t>();
    at.newest = reader.fixed<timestamp_us>();
    at.announced = reader.fixed<timestamp_us>();
  }
  if (!reader.ok() || !reader.at_end()) return fail(error_code::corrupt, "the positions of followed files are damaged");
  return {};
}

class file_follow_reader final : public source_reader {
 public:
  file_follow_reader(const proto::Source& source, const connector_context& context, std::shared_ptr<const source_rows> rows,
                     std::shared_ptr<split_alignment> alignment, uint32_t subtask, uint32_t parallelism,
                     followed_positions restored)
      : source_(source),
        context_(context),
        rows_(std::move(rows)),
        subtask_(subtask),
        parallelism_(parallelism),
        watermarks_(source.watermark(), rows_->has_watermark(), std::move(alignment), subtask),
        waiting_(std::move(restored)) {
    for (const auto& [path, at] : waiting_) next_number_ = std::max(next_number_, at.number + 1);
    std::erase_if(waiting_, [this](const auto& each) { return !is_own(each.first); });
  }

  result<source_poll> poll() override {
    source_poll made;
    const std::chrono::nanoseconds now = context_.time->monotonic();
    if (now >= list_due_) {
      SYSTOLE_TRY(list_files());
      list_due_ = now + list_interval;
      look_due_ = now;
    }
    if (now >= look_due_) {
      SYSTOLE_TRY(look_at_sizes(now));
      look_due_ = now + look_interval;
    }
    if (const auto index = choose()) {
      SYSTOLE_TRY(read(*index, made, now));
    } else {
      made.what = source_poll::kind::idle;
      made.wait = std::chrono::ceil<std::chrono::microseconds>(look_due_ - now);
    }
    const split_watermarks::standing standing = watermarks_.combined(now, context_.time->now_us());
    made.watermark = standing.watermark;
    made.idle_for_watermark = files_.empty() || standing.idle;
    return made;
  }

  std::optional<uint64_t> lag_records() const override {
    uint64_t unread = 0, records = 0, bytes = 0;
    for (const followed& each : files_) {
      unread += each.file.unread_bytes();
      records += each.file.at().records;
      bytes += each.file.at().next;
    }
    return estimated_records(unread, records, bytes);
  }

  std::string snapshot() override {
    followed_positions positions = waiting_;
    for (followed& each : files_) positions[each.file.path()] = each.file.at();
    return encode(positions);
  }

 private:
  struct followed {
    followed_file file;
    size_t split;
    bool has_more = false;
    bool gone = false;
  };

  bool is_own(const std::string& path) const { return XXH3_64bits(path.data(), path.size()) % parallelism_ == subtask_; }

  result<void> list_files() {
    SYSTOLE_ASSIGN(const auto paths, list_matching_files(source_.path()));
    for (const std::string& path : paths) {
      if (!is_own(path)) continue;
      const bool known = std::any_of(files_.begin(), files_.end(), [&](const followed& it) {
        return !it.gone && it.file.path() == path;
      });
      if (known) continue;
      followed_position at;
      if (const auto saved = waiting_.find(path); saved != waiting_.end()) {
        at = saved->second;
        waiting_.erase(saved);
      } else {
        // Numbers of one subtask never meet another's.
        while (next_number_ % parallelism_ != subtask_) ++next_number_;
        at.number = next_number_++;
      }
      SYSTOLE_ASSIGN(auto decoder, make_decoder(source_, context_.batch_rows));
      files_.push_back({followed_file(*context_.files, path, at, std::move(decoder)), watermarks_.add(at.announced)});
    }
    return {};
  }

  result<void> look_at_sizes(std::chrono::nanoseconds now) {
    for (followed& it : files_) {
      if (it.gone || it.has_more) continue;
      const auto more = it.file.has_more();
      if (!more && more.error().code == error_code::not_found) {
        // Whoever removes a file that was read to its end wants it gone.
        it.gone = true;
        watermarks_.end(it.split);
        continue;
      }
      if (!more) return more.error();
      it.has_more = *more;
      if (it.has_more) {
        watermarks_.is_active(it.split);
      } else {
        it.file.close();
        watermarks_.announce(it.split, it.file.at().newest);
        it.file.at().announced = it.file.at().newest;
        watermarks_.ran_dry(it.split, now);
      }
    }
    std::erase_if(files_, [](const followed& it) { return it.gone; });
    return {};
  }

  std::optional<size_t> choose() {
    std::optional<size_t> best;
    for (size_t i = 0; i < files_.size(); ++i) {
      const followed& it = files_[i];
      if (!it.has_more) continue;
      if (watermarks_.must_wait(it.split)) continue;
      if (!best || watermarks_.announced(it.split) < watermarks_.announced(files_[*best].split)) best = i;
    }
    return best;
  }

  result<void> read(size_t index, source_poll& made, std::chrono::nanoseconds now) {
    constexpr uint64_t interval = limits::watermark_interval_records;
    followed& it = files_[index];
    followed_position& at = it.file.at();
    size_t wanted = context_.batch_rows;
    if (rows_->has_watermark()) wanted = std::min<uint64_t>(wanted, interval - at.records % interval);
    const uint64_t from = at.next;
    SYSTOLE_ASSIGN(decoded_records decoded, it.file.read(wanted, pool_));
    const size_t records = decoded.records;
    at.records += records;
    made.bytes = at.next - from;
    SYSTOLE_TRY(rows_->fill(std::move(decoded), {it.file.path(), at.number}, made, at.newest));
    if (records > 0 && at.records % interval == 0) {
      at.announced = at.newest;
      watermarks_.announce(it.split, at.newest);
    }
    // Nothing whole was left: look whether there is more, at once where it was read from a full file.
    if (at.next == from) {
      it.has_more = false;
    } else {
      SYSTOLE_ASSIGN(it.has_more, it.file.has_more());
      if (!it.has_more) look_due_ = now;
    }
    return {};
  }

  const proto::Source source_;
  const connector_context context_;
  std::shared_ptr<const source_rows> rows_;
  const uint32_t subtask_, parallelism_;
  buffer_pool pool_;
  split_watermarks watermarks_;
  followed_positions waiting_;  ///< restored, until their file is listed
  std::vector<followed> files_;
  uint32_t next_number_ = 0;
  std::chrono::nanoseconds list_due_{0}, look_due_{0};
};

class file_follow_factory final : public source_factory {
 public:
  file_follow_factory(proto::Source source, const connector_context& context, std::shared_ptr<const source_rows> rows)
      : source_(std::move(source)), context_(context), rows_(std::move(rows)) {}
  bool bounded() const override { return false; }
  result<std::unique_ptr<source_reader>> make_reader(uint32_t subtask, uint32_t parallelism,
                                                     const std::vector<std::string>& restored) override {
    followed_positions positions;
    for (const std::string& each : restored)
      if (!each.empty()) SYSTOLE_TRY(decode(each, positions));
    return std::unique_ptr<source_reader>(std::make_unique<file_follow_reader>(
        source_, context_, rows_, context_.alignment, subtask, parallelism, std::move(positions)));
  }

 private:
  const proto::Source source_;
  const connector_context context_;
  std::shared_ptr<const source_rows> rows_;
};

}  // namespace

result<std::unique_ptr<source_factory>> make_file_follow_source(const proto::Source& source,
                                                                const connector_context& context) {
  if (source.decoder().quoted_newlines())
    return fail(error_code::invalid_argument, "a followed file's records are lines: leave quotedNewlines out");
  SYSTOLE_ASSIGN(auto rows, source_rows::make(source, context));
  SYSTOLE_ASSIGN(const auto decoder, make_decoder(source, 1));  // refuses what no decoder can give, before the job runs
  (void)decoder;
  return std::unique_ptr<source_factory>(std::make_unique<file_follow_factory>(source, context, std::move(rows)));
}

}  // namespace systole
