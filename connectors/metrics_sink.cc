#include "connectors/metrics_sink.h"

#include <charconv>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "base/bytes.h"
#include "data/decimal.h"
#include "data/key_encoding.h"
#include "formats/record_encoder.h"

namespace systole {
namespace {

constexpr uint8_t rows_version = 1;

struct metrics_settings {
  std::string job, step;
  schema columns;
  std::vector<size_t> key, labels, values;
  size_t most_series = 0;
  gauge_board* gauges = nullptr;
};

std::optional<double> number(const column& values, size_t row) {
  if (values.is_null(row)) return std::nullopt;
  switch (values.type().id) {
    case type_id::boolean: return values.values<uint8_t>()[row] ? 1 : 0;
    case type_id::int32: return values.values<int32_t>()[row];
    case type_id::int64: return static_cast<double>(values.values<int64_t>()[row]);
    case type_id::float64: return values.values<double>()[row];
    case type_id::numeric: {
      double scaled = static_cast<double>(values.values<int128>()[row]);
      for (int i = values.scale(row); i > 0; --i) scaled /= 10;
      return scaled;
    }
    default: return std::nullopt;  // the planner lets only numbers through
  }
}

class metrics_writer final : public sink_writer {
 public:
  explicit metrics_writer(metrics_settings settings) : settings_(std::move(settings)) {
    for (const size_t index : settings_.labels)
      label_encoders_.push_back(make_csv_encoder(schema{{settings_.columns.fields[index]}}));
  }
  ~metrics_writer() override {
    if (settings_.gauges) settings_.gauges->clear(this);
  }

  result<void> write(const batch& rows) override {
    std::vector<const column*> key;
    for (const size_t index : settings_.key) key.push_back(&rows.at(index));
    encoded_.encode(key, rows.rows());
    for (size_t row = 0; row < rows.rows(); ++row) {
      std::string bytes(encoded_.key(row));
      const auto found = rows_.find(bytes);
      if (sign(rows.kind(row)) < 0) {
        // A -U is followed by its key's +U.
        if (found != rows_.end() && rows.kind(row) == row_kind::erase) rows_.erase(found), changed_ = true;
      } else if (found != rows_.end()) {
        found->second = read(rows, row);
        changed_ = true;
      } else if (rows_.size() < settings_.most_series) {
        rows_.emplace(std::move(bytes), read(rows, row));
        changed_ = true;
      } else {
        changed_ = changed_ || !full_;
        full_ = true;
      }
    }
    return {};
  }

  result<sealed_epoch> seal(epoch_id epoch, bool) override {
    if (std::exchange(changed_, false)) {
      const std::lock_guard lock(mutex_);
      sealed_.emplace_back(epoch, picture());
    }
    return sealed_epoch{};
  }
  result<void> make_durable(epoch_id) override { return {}; }

  result<void> commit(const commit_epoch& epoch) override {
    std::shared_ptr<const shown_gauges> newest;
    {
      const std::lock_guard lock(mutex_);
      for (; !sealed_.empty() && sealed_.front().first <= epoch.epoch; sealed_.pop_front())
        newest = std::move(sealed_.front().second);
    }
    if (newest && settings_.gauges) settings_.gauges->show(this, std::move(newest));
    return {};
  }

  std::string snapshot() override {
    std::string out;
    append_fixed(out, rows_version);
    append_fixed(out, static_cast<uint8_t>(full_));
    for (const auto& [key, row] : rows_) {
      append_bytes(out, key);
      for (const std::string& label : row.labels) append_bytes(out, label);
      for (const std::optional<double>& value : row.values) {
        append_fixed(out, static_cast<uint8_t>(value.has_value()));
        append_fixed(out, value.value_or(0));
      }
    }
    return out;
  }
  result<void> restore(std::string_view bytes) override {
    byte_reader in(bytes);
    const auto version = in.fixed<uint8_t>();
    full_ = in.fixed<uint8_t>() != 0;
    while (in.ok() && !in.at_end()) {
      std::string key(in.bytes());
      shown_gauges::row row;
      for (size_t i = 0; i < settings_.labels.size(); ++i) row.labels.emplace_back(in.bytes());
      for (size_t i = 0; i < settings_.values.size(); ++i) {
        const bool has = in.fixed<uint8_t>() != 0;
        const auto value = in.fixed<double>();
        row.values.push_back(has ? std::optional(value) : std::nullopt);
      }
      if (in.ok()) rows_[std::move(key)] = std::move(row);
    }
    if (!in.ok() || version != rows_version)
      return fail(error_code::incompatible, settings_.step + ": the saved gauges are of other columns; rename the sink to begin anew");
    if (settings_.gauges) settings_.gauges->show(this, picture());
    return {};
  }

 private:
  shown_gauges::row read(const batch& rows, size_t row) {
    shown_gauges::row made;
    const batch one = slice(rows, row, 1);
    for (size_t i = 0; i < settings_.labels.size(); ++i) {
      encode_buffer text;
      label_encoders_[i]->encode(batch(1, {one.share(settings_.labels[i])}), text);
      made.labels.push_back(plain(text.view()));
    }
    for (const size_t index : settings_.values) made.values.push_back(number(rows.at(index), row));
    return made;
  }

  /// A CSV line of one value without its quotes and end.
  static std::string plain(std::string_view line) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    if (line.size() < 2 || line.front() != '"') return std::string(line);
    std::string made;
    for (size_t i = 1; i + 1 < line.size(); ++i) {
      made += line[i];
      if (line[i] == '"') ++i;  // doubled within quotes
    }
    return made;
  }

  std::shared_ptr<const shown_gauges> picture() const {
    auto made = std::make_shared<shown_gauges>();
    made->job = settings_.job;
    made->step = settings_.step;
    for (const size_t index : settings_.labels) made->labels.push_back(settings_.columns.fields[index].name);
    for (const size_t index : settings_.values) made->values.push_back(settings_.columns.fields[index].name);
    for (const auto& [key, row] : rows_) made->rows.push_back(row);
    made->full = full_;
    return made;
  }

  metrics_settings settings_;
  std::vector<std::unique_ptr<record_encoder>> label_encoders_;
  std::map<std::string, shown_gauges::row> rows_;  ///< by encoded key
  bool changed_ = false;
  bool full_ = false;
  encoded_keys encoded_;
  std::mutex mutex_;  ///< guards what follows: commits are on the state thread
  std::deque<std::pair<epoch_id, std::shared_ptr<const shown_gauges>>> sealed_;
};

/// Nothing is left behind outside of the process.
class no_committer final : public sink_committer {
 public:
  result<void> recover(epoch_id) override { return {}; }
  result<void> commit(const commit_epoch&, const std::vector<shard_commit>&) override { return {}; }
};

class metrics_sink_factory final : public sink_factory {
 public:
  explicit metrics_sink_factory(metrics_settings settings) : settings_(std::move(settings)) {}
  bool accepts_changelog() const override { return true; }
  uint32_t max_shards() const override { return 1; }
  bool shards_commit() const override { return true; }
  result<std::unique_ptr<sink_writer>> make_writer(uint32_t, uint32_t) override {
    return std::unique_ptr<sink_writer>(std::make_unique<metrics_writer>(settings_));
  }
  result<std::unique_ptr<sink_committer>> make_committer(uint32_t) override {
    return std::unique_ptr<sink_committer>(std::make_unique<no_committer>());
  }

 private:
  metrics_settings settings_;
};

}  // namespace

result<std::unique_ptr<sink_factory>> make_metrics_sink(const proto::Node& node, const sink_input& input,
                                                        const connector_context& context) {
  metrics_settings made{.job = context.job, .step = node.step(), .columns = input.columns};
  const proto::MetricsSink& sink = node.sink().metrics();
  const auto find = [&](const auto& names, std::vector<size_t>& into) -> result<void> {
    for (const std::string& name : names) {
      const int index = input.columns.find(name);
      if (index < 0) return fail(error_code::internal, "the plan's metrics sink names no column of its input: " + name);
      into.push_back(static_cast<size_t>(index));
    }
    return {};
  };
  SYSTOLE_TRY(find(node.sink().key(), made.key));
  SYSTOLE_TRY(find(sink.labels(), made.labels));
  SYSTOLE_TRY(find(sink.values(), made.values));
  made.most_series = sink.max_series();
  made.gauges = context.gauges;
  return std::unique_ptr<sink_factory>(std::make_unique<metrics_sink_factory>(std::move(made)));
}

}  // namespace systole
