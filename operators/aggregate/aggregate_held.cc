#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "operators/aggregate/aggregate_emission.h"
#include "operators/change_rows.h"

namespace systole {
namespace {

/// Changes are emitted before their time when more groups than this wait for it.
constexpr size_t held_groups_limit = size_t{1} << 20;

class aggregate_held final : public stream_operator {
 public:
  aggregate_held(std::unique_ptr<aggregate_groups> groups, int64_t interval_us, bool omit_update_before,
                 const operator_context& context)
      : groups_(std::move(groups)),
        interval_us_(interval_us),
        omit_update_before_(omit_update_before),
        context_(context),
        layout_{.types = groups_->fields().types()},
        encoder_(layout_) {}

  result<void> open() override {
    SYSTOLE_TRY(groups_->open());
    std::string types;
    for (const data_type& each : layout_.types) types += to_string(each) + ",";
    SYSTOLE_ASSIGN(stored_, context_.state->open_values({.step = context_.step,
                                                         .name = "held",
                                                         .layout = "key->present:u8,row of " + types + "row encoding " +
                                                                   std::to_string(row_encoding_version),
                                                         .fingerprint = {}}));
    return stored_->for_each([this](std::string_view key, std::string_view value) {
      held_.emplace(std::string(key), held{.has = value.front() != 0, .stored = true, .row = std::string(value.substr(1))});
      return true;
    });
  }

  result<progress> process(batch rows, uint32_t, output& out) override {
    SYSTOLE_ASSIGN(const bool any, groups_->take(std::move(rows), out));
    if (!any) return progress::done;
    SYSTOLE_TRY(hold());
    SYSTOLE_TRY(groups_->add());
    SYSTOLE_TRY(groups_->finish());
    const bool due = context_.time->now_us() >= next_emission_us_ || held_.size() > held_groups_limit;
    return due ? emit(out) : progress::done;
  }

  result<progress> on_watermark(timestamp_us watermark, output& out) override {
    return watermark == watermark_end ? emit(out) : progress::done;
  }
  timestamp_us next_wakeup_us() const override { return held_.empty() ? watermark_end : next_emission_us_; }
  result<progress> on_time(timestamp_us now_us, output& out) override {
    return now_us >= next_emission_us_ ? emit(out) : progress::done;
  }

  result<progress> resume(output& out) override {
    while (next_ < emitting_.size()) {
      SYSTOLE_TRY(emit_some(out));
      if (next_ < emitting_.size() && out.full()) return progress::again;
    }
    emitting_.clear();
    before_.clear();
    next_ = 0;
    return progress::done;
  }

  result<void> on_barrier(output&) override {
    for (auto& [key, each] : held_) {
      if (each.stored) continue;
      value_.assign(1, each.has ? '\1' : '\0');
      value_ += each.row;
      SYSTOLE_TRY(stored_->put(key, hash_key(key), value_));
      each.stored = true;
    }
    return groups_->remove_empty();
  }

 private:
  /// The row of a group that is downstream while newer ones are held back.
  struct held {
    bool has = false;
    bool stored = false;  ///< in state since the last barrier
    std::string row;      ///< encoded; empty where there is none
  };

  /// Remembers what is downstream of the touched groups, before they change.
  result<void> hold() {
    std::vector<size_t> fresh;
    for (size_t group = 0; group < groups_->size(); ++group)
      if (!held_.contains(std::string(groups_->key(group)))) fresh.push_back(group);
    if (fresh.empty()) return {};
    SYSTOLE_ASSIGN(aggregate_groups::side before, groups_->results(nullptr));
    const batch rows(groups_->size(), std::move(before.columns));
    encoder_.bind(rows);
    for (const size_t group : fresh) {
      held& each = held_[std::string(groups_->key(group))];
      each.has = before.has[group];
      if (each.has) encoder_.append(each.row, group);
    }
    return {};
  }

  result<progress> emit(output& out) {
    next_emission_us_ = context_.time->now_us() + interval_us_;
    emitting_.reserve(held_.size());
    for (auto& [key, each] : held_) {
      emitting_.push_back({key, hash_key(key)});
      before_.push_back(std::move(each));
    }
    held_.clear();
    return resume(out);
  }

  result<void> emit_some(output& out) {
    const size_t count = std::min(context_.batch_rows, emitting_.size() - next_);
    const std::span<const aggregate_groups::name> names(&emitting_[next_], count);
    SYSTOLE_TRY(groups_->load(names));
    SYSTOLE_ASSIGN(const aggregate_groups::side after, groups_->results(&out));
    row_decoder decoder(layout_, count);
    std::vector<uint8_t> has(count);
    for (size_t i = 0; i < count; ++i) {
      const held& each = before_[next_ + i];
      has[i] = each.has;
      SYSTOLE_TRY(decoder.append(each.has ? each.row : null_row_text()));
      if (each.stored) SYSTOLE_TRY(stored_->erase(names[i].key, names[i].hash));
    }
    const batch before = decoder.finish();
    batch changes = make_changes({before.columns(), has, after.columns, after.has, count}, omit_update_before_);
    if (!changes.empty()) out.push(std::move(changes));
    next_ += count;
    return {};
  }

  /// Stands for rows that are not there.
  const std::string& null_row_text() {
    if (null_row_.empty()) {
      std::vector<column_ptr> nulls;
      for (const data_type& each : layout_.types) nulls.push_back(null_column(each, 1));
      append_row(null_row_, layout_, batch(1, std::move(nulls)), 0);
    }
    return null_row_;
  }

  std::unique_ptr<aggregate_groups> groups_;
  int64_t interval_us_;
  bool omit_update_before_;
  operator_context context_;
  row_layout layout_;
  row_encoder encoder_;
  value_table* stored_ = nullptr;
  timestamp_us next_emission_us_ = watermark_none;
  absl::flat_hash_map<std::string, held> held_;
  std::vector<aggregate_groups::name> emitting_;  ///< while the output is full
  std::vector<held> before_;
  size_t next_ = 0;
  std::string value_;
  std::string null_row_;
};

}  // namespace

std::unique_ptr<stream_operator> make_aggregate_held(std::unique_ptr<aggregate_groups> groups, int64_t interval_us,
                                                     bool omit_update_before, const operator_context& context) {
  return std::make_unique<aggregate_held>(std::move(groups), interval_us, omit_update_before, context);
}

}  // namespace systole
