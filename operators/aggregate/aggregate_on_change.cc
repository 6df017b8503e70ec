#include "operators/aggregate/aggregate_emission.h"
#include "operators/change_rows.h"

namespace systole {
namespace {

class aggregate_on_change final : public stream_operator {
 public:
  aggregate_on_change(std::unique_ptr<aggregate_groups> groups, bool each_change, bool omit_update_before)
      : groups_(std::move(groups)), each_change_(each_change), omit_update_before_(omit_update_before) {}

  result<void> open() override { return groups_->open(); }

  result<progress> process(batch rows, uint32_t, output& out) override {
    SYSTOLE_ASSIGN(const bool any, groups_->take(std::move(rows), out));
    if (!any) return progress::done;
    SYSTOLE_TRY(each_change_ ? emit_each(out) : emit_touched(out));
    return progress::done;
  }

  result<void> on_barrier(output&) override { return groups_->remove_empty(); }

 private:
  result<void> emit_touched(output& out) {
    const bool any_before = groups_->any_has_rows();
    aggregate_groups::side before;
    if (any_before) {
      SYSTOLE_ASSIGN(before, groups_->results(nullptr));
    }
    SYSTOLE_TRY(groups_->add());
    SYSTOLE_ASSIGN(const aggregate_groups::side after, groups_->results(&out));
    SYSTOLE_TRY(groups_->finish());
    if (!any_before) before = {after.columns, std::vector<uint8_t>(groups_->size(), 0)};
    push(make_changes({before.columns, before.has, after.columns, after.has, groups_->size()}, omit_update_before_), out);
    return {};
  }

  result<void> emit_each(output& out) {
    // Without retractions downstream, of groups that only grow, what was before needs not be known.
    const bool want_before =
        groups_->changelog() || !omit_update_before_ || !groups_->fields().bare() || groups_->can_fail();
    SYSTOLE_TRY(groups_->add_each(want_before, steps_));
    SYSTOLE_ASSIGN(const std::vector<column_ptr> keys, groups_->key_columns_by_row());
    SYSTOLE_TRY(groups_->finish());
    const std::vector<column_ptr> after = project(keys, steps_.calls.after, steps_.has, steps_.calls.errors, &out);
    if (want_before) {
      const std::vector<column_ptr> before =
          project(keys, steps_.calls.before, steps_.had, steps_.calls.before_errors, nullptr);
      push(make_changes({before, steps_.had, after, steps_.has, steps_.has.size()}, omit_update_before_), out);
    } else {
      push(updates(after), out);
    }
    return {};
  }

  std::vector<column_ptr> project(std::vector<column_ptr> keys, const std::vector<column_ptr>& calls,
                                  std::vector<uint8_t>& has, std::vector<row_error>& errors, output* report) const {
    keys.insert(keys.end(), calls.begin(), calls.end());
    return groups_->fields().project(batch(has.size(), std::move(keys)), has, std::move(errors), report);
  }

  /// +I for the first row of a group, +U for every other one that changes it.
  batch updates(const std::vector<column_ptr>& after) {
    picked_.clear();
    column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], steps_.had.size());
    for (uint32_t row = 0; row < steps_.had.size(); ++row) {
      if (steps_.had[row] && !steps_.calls.changed[row]) continue;
      picked_.push_back(row);
      kinds.append(static_cast<uint8_t>(steps_.had[row] ? row_kind::update_after : row_kind::insert));
    }
    batch made(steps_.had.size(), after);
    if (picked_.size() != made.rows()) made = gather(made, picked_);
    made.set_hidden(hidden::kind, kinds.finish());
    return made;
  }

  static void push(batch changes, output& out) {
    if (!changes.empty()) out.push(std::move(changes));
  }

  std::unique_ptr<aggregate_groups> groups_;
  bool each_change_;
  bool omit_update_before_;
  aggregate_groups::steps steps_;
  std::vector<uint32_t> picked_;
};

}  // namespace

std::unique_ptr<stream_operator> make_aggregate_on_change(std::unique_ptr<aggregate_groups> groups, bool each_change,
                                                          bool omit_update_before) {
  return std::make_unique<aggregate_on_change>(std::move(groups), each_change, omit_update_before);
}

}  // namespace systole
