#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "connectors/files/table_publication.h"
#include "connectors/files/table_rows.h"
#include "connectors/files/table_sink.h"
#include "connectors/outbox/durable_directory.h"
#include "connectors/outbox/epoch_outbox.h"
#include "connectors/outbox/outbox_writer.h"

namespace systole {
namespace {

/// The least number of rows in deltas before they are folded into a new base.
constexpr uint64_t least_delta_rows = 10'000;
constexpr std::string_view base_prefix = "base-", delta_prefix = "delta-";

std::optional<uint64_t> number_behind(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  uint64_t epoch = 0;
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), epoch);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return epoch;
}

/// The epoch of "12-0.rows".
std::optional<uint64_t> number_before(std::string_view name, char behind) {
  uint64_t epoch = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), epoch);
  if (error != std::errc() || end == name.data() + name.size() || *end != behind) return std::nullopt;
  return epoch;
}

/// Keeps the table's rows and publishes them. Its durable form, in the sink's folder: "base-E", all rows after epoch E,
/// and "delta-N", the list of segments that epoch N added, whose files are linked beside it.
class table_changelog_committer final : public sink_committer {
 public:
  explicit table_changelog_committer(table_sink_settings settings)
      : settings_(std::move(settings)),
        folder_(settings_.folder + "/table"),
        rows_(settings_.format, settings_.columns, settings_.key),
        fence_(*settings_.files, settings_.folder, settings_.owner),
        publication_(*settings_.files, fence_, settings_.path, settings_.compression, settings_.interval_us, *settings_.time) {}

  result<void> recover(epoch_id last_completed) override {
    SYSTOLE_TRY(take_over());
    SYSTOLE_TRY(remove_later_segments(*settings_.files, settings_.folder, last_completed, settings_.owner.attempt));
    SYSTOLE_ASSIGN(const auto names, settings_.files->list(folder_));
    SYSTOLE_TRY(fence_.check());  // so a newer attempt has made none of these
    if (last_completed.value == 0)
      for (const std::string& name : names) SYSTOLE_TRY(settings_.files->remove(folder_ + "/" + name));
    SYSTOLE_TRY(load(last_completed.value));
    for (const std::string& name : names)
      if (const auto epoch = number_behind(name, delta_prefix); epoch && *epoch > last_completed.value)
        SYSTOLE_TRY(settings_.files->remove(folder_ + "/" + name));
    raise(settings_.committed, last_completed.value);
    return {};
  }

  result<void> adopt(epoch_id last_completed) override {
    SYSTOLE_TRY(take_over());
    return load(last_completed.value);
  }

  result<void> commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) override {
    if (half_applied_) SYSTOLE_TRY(load(epoch.previous.value));  // the last commit failed on the way
    if (epoch.epoch.value > applied_ || !settings_.check_epochs) {
      SYSTOLE_ASSIGN(auto segments, segments_after(shards, epoch.previous));
      if (!segments.empty()) SYSTOLE_TRY(add_delta(epoch.epoch.value, segments));
      applied_ = epoch.epoch.value;
      if (delta_rows_ > std::max<uint64_t>(least_delta_rows, rows_.size())) SYSTOLE_TRY(fold());
    }
    if (epoch.is_final || epoch.stops || (changed_ && publication_.is_due())) {
      SYSTOLE_TRY(publication_.publish([this](const table_publication::put_block& put) { return rows_.write(put); }));
      changed_ = false;
    }
    // The table has its own links to them; a commit that is repeated after a crash finds its delta there.
    if (settings_.check_epochs) {
      SYSTOLE_ASSIGN(const auto segments, segments_after(shards, epoch.previous));
      SYSTOLE_TRY(remove_committed_segments(*settings_.files, settings_.folder, segments, settings_.owner.attempt));
    }
    raise(settings_.committed, epoch.epoch.value);
    return {};
  }

 private:
  result<void> take_over() {
    SYSTOLE_TRY(fence_.take_over());
    SYSTOLE_TRY(create_directories_durably(*settings_.files, folder_));
    SYSTOLE_TRY(fence_.disarm_older(folder_));
    return publication_.take_over();
  }

  result<void> apply(const std::vector<outbox_segment>& segments) {
    half_applied_ = true;
    for (const outbox_segment& each : segments) {
      delta_rows_ += each.rows;
      SYSTOLE_TRY(read_segment(*settings_.files, each, [this](const batch& rows) -> result<void> {
        rows_.apply(rows);
        return {};
      }));
    }
    changed_ = true;
    half_applied_ = false;
    return {};
  }

  /// The segments first, then the list that makes them count: a crash between leaves files that nothing names.
  result<void> add_delta(uint64_t epoch, std::vector<outbox_segment> segments) {
    for (size_t i = 0; i < segments.size(); ++i) {
      const std::string kept = fmt::format("{}/{}-{}.rows", folder_, epoch, i);
      const auto linked = settings_.files->link(segments[i].path, kept);
      if (!linked && linked.error().code != error_code::already_exists) return linked;
      segments[i].path = kept;
    }
    SYSTOLE_TRY(settings_.files->sync_directory(folder_));
    SYSTOLE_TRY(fence_.replace(fmt::format("{}/{}{}", folder_, delta_prefix, epoch), encode_segments(segments)));
    return apply(segments);
  }

  result<void> fold() {
    SYSTOLE_TRY(fence_.replace(fmt::format("{}/{}{}", folder_, base_prefix, applied_), rows_.saved()));
    delta_rows_ = 0;
    return remove_before_base(applied_);
  }

  /// Only what the base holds: an older committer that folds late must not take what a newer one has added.
  result<void> remove_before_base(uint64_t base) {
    SYSTOLE_ASSIGN(const auto names, settings_.files->list(folder_));
    for (const std::string& name : names) {
      const auto old_base = number_behind(name, base_prefix), delta = number_behind(name, delta_prefix);
      const auto rows = number_before(name, '-');
      if ((old_base && *old_base < base) || (delta && *delta <= base) || (rows && *rows <= base))
        SYSTOLE_TRY(settings_.files->remove(folder_ + "/" + name));
    }
    return {};
  }

  result<void> load(uint64_t last_completed) {
    rows_.clear();
    applied_ = delta_rows_ = 0;
    std::optional<uint64_t> base;
    std::map<uint64_t, std::string> deltas;
    SYSTOLE_ASSIGN(const auto names, settings_.files->list(folder_));
    for (const std::string& name : names) {
      if (const auto epoch = number_behind(name, base_prefix)) base = std::max(base.value_or(0), *epoch);
      if (const auto epoch = number_behind(name, delta_prefix)) deltas.emplace(*epoch, folder_ + "/" + name);
    }
    if (base && *base > last_completed && settings_.key.empty())
      return fail(error_code::incompatible, "the table " + settings_.path + " has epoch " + std::to_string(*base) +
                                                ", later than the restored " + std::to_string(last_completed) +
                                                "; without a key it cannot go back");
    if (base) {
      SYSTOLE_TRY(rows_.load(*settings_.files, fmt::format("{}/{}{}", folder_, base_prefix, *base)));
      // A keyed table that is ahead of a rewound job converges when the replay catches up.
      applied_ = std::min(*base, last_completed);
      changed_ = true;
    }
    for (const auto& [epoch, path] : deltas) {
      if (base && epoch <= *base) continue;
      if (epoch > last_completed) break;  // of a rewound job, or of a commit that failed on the way
      SYSTOLE_ASSIGN(const std::string list, settings_.files->read_all(path, 64u << 20));
      SYSTOLE_ASSIGN(const auto segments, decode_segments(list));
      SYSTOLE_TRY(apply(segments));
      applied_ = epoch;
    }
    return {};
  }

  const table_sink_settings settings_;
  const std::string folder_;
  table_rows rows_;
  sink_fence fence_;
  table_publication publication_;
  uint64_t applied_ = 0;
  uint64_t delta_rows_ = 0;
  bool changed_ = true;
  bool half_applied_ = false;
};

class table_changelog_factory final : public sink_factory {
 public:
  explicit table_changelog_factory(table_sink_settings settings) : settings_(std::move(settings)) {}
  bool accepts_changelog() const override { return true; }
  uint32_t max_shards() const override { return 1; }
  void on_committed(epoch_id epoch) override { raise(settings_.committed, epoch.value); }
  result<std::unique_ptr<sink_writer>> make_writer(uint32_t shard, uint32_t) override {
    return std::unique_ptr<sink_writer>(std::make_unique<outbox_writer>(
        *settings_.files, settings_.folder, settings_.owner.attempt, shard, settings_.committed, settings_.sink, true,
        settings_.key));
  }
  result<std::unique_ptr<sink_committer>> make_committer(uint32_t) override {
    return std::unique_ptr<sink_committer>(std::make_unique<table_changelog_committer>(settings_));
  }

 private:
  table_sink_settings settings_;
};

}  // namespace

std::unique_ptr<sink_factory> make_table_changelog_sink(table_sink_settings settings) {
  return std::make_unique<table_changelog_factory>(std::move(settings));
}

}  // namespace systole
