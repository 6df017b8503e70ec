#include <cstring>

#include "expr/column_edit.h"
#include "expr/conditional.h"
#include "expr/row_assembly.h"
#include "expr/value_set.h"

namespace systole {
namespace {

std::vector<column_ptr> constants_of(const std::vector<node_ptr>& nodes) {
  std::vector<column_ptr> made;
  for (const node_ptr& each : nodes) made.push_back(each->constant());
  return made;
}

class in_node final : public node {
 public:
  in_node(node_ptr subject, std::shared_ptr<const value_set> items, bool has_null, bool negated)
      : node({type_id::boolean}, subject->nullable() || has_null),
        subject_{std::move(subject)},
        items_(std::move(items)),
        has_null_(has_null),
        negated_(negated) {
    can_fail_ = subject_[0]->can_fail();
    cheap_ = subject_[0]->cheap();
  }

  column_ptr evaluate(evaluation& run, const selection& rows) const override {
    const operand subject = evaluate_operand(*subject_[0], run, rows);
    if (subject.always_null()) return null_column(type_, rows.size);
    column_builder builder(type_, rows.size);
    builder.set_size(rows.size);
    merge_validity(builder, &subject, 1, rows.size);
    std::unique_ptr<int32_t[]> index(new int32_t[rows.size + 1]);
    const size_t distinct_rows = subject.constant ? 1 : rows.size;
    items_->find(*subject.values, distinct_rows, index.get());
    uint8_t* out = builder.mutable_values<uint8_t>();
    for (size_t row = 0; row < rows.size; ++row) out[row] = (index[subject.row(row)] >= 0) != negated_;
    if (has_null_)
      for (size_t row = 0; row < rows.size; ++row)
        if (index[subject.row(row)] < 0) builder.set_null(row);
    return builder.finish();
  }
  std::span<const node_ptr> children() const override { return subject_; }

 private:
  std::vector<node_ptr> subject_;
  std::shared_ptr<const value_set> items_;
  bool has_null_, negated_;
};

class lookup_node final : public node {
 public:
  lookup_node(data_type type, node_ptr subject, std::shared_ptr<const value_set> keys, column_ptr results,
              node_ptr otherwise)
      : node(type, results->may_have_nulls() || !otherwise || otherwise->nullable()),
        keys_(std::move(keys)),
        results_(std::move(results)),
        children_{std::move(subject)},
        has_otherwise_(otherwise != nullptr) {
    if (otherwise) children_.push_back(std::move(otherwise));
    for (const node_ptr& each : children_) {
      can_fail_ |= each->can_fail();
      cheap_ &= each->cheap();
    }
  }

  column_ptr evaluate(evaluation& run, const selection& rows) const override {
    operand subject = evaluate_operand(*children_[0], run, rows);
    if (subject.constant) subject = {fill_column(*subject.values, rows.size), false};
    std::unique_ptr<int32_t[]> index(new int32_t[rows.size + 1]);
    keys_->find(*subject.values, rows.size, index.get());
    if (subject.values->may_have_nulls())
      for (size_t row = 0; row < rows.size; ++row)
        if (subject.values->is_null(row)) index[row] = -1;
    row_assembly result(type_, rows);
    result.take_indexed(*results_, index.get(), rows);
    std::vector<uint32_t> others;
    rows.for_each([&](size_t row) {
      if (index[row] < 0) others.push_back(static_cast<uint32_t>(row));
    });
    if (!others.empty()) {
      const selection remaining = selection::of(others, rows.size);
      if (has_otherwise_) result.take(evaluate_operand(*children_[1], run, remaining), remaining);
      else result.take_null(remaining);
    }
    return result.finish();
  }
  std::span<const node_ptr> children() const override { return children_; }

 private:
  std::shared_ptr<const value_set> keys_;
  column_ptr results_;
  std::vector<node_ptr> children_;
  bool has_otherwise_;
};

}  // namespace

node_ptr make_in_constants(node_ptr subject, const std::vector<node_ptr>& items, bool negated) {
  if (!all_constant(items)) return nullptr;
  const std::vector<column_ptr> values = constants_of(items);
  std::shared_ptr<const value_set> set = value_set::make(values);
  if (!set) return nullptr;
  bool has_null = false;
  for (const column_ptr& value : values) has_null |= value->is_null(0);
  return fold(std::make_shared<in_node>(std::move(subject), std::move(set), has_null, negated));
}

node_ptr make_lookup(data_type type, node_ptr subject, const std::vector<node_ptr>& keys,
                     const std::vector<node_ptr>& results, node_ptr otherwise) {
  if (!all_constant(keys) || !all_constant(results)) return nullptr;
  std::shared_ptr<const value_set> set = value_set::make(constants_of(keys));
  if (!set) return nullptr;
  std::vector<column_ptr> values = constants_of(results);
  for (column_ptr& value : values) value = retype(value, type);
  return std::make_shared<lookup_node>(type, std::move(subject), std::move(set), concatenate(values),
                                       std::move(otherwise));
}

}  // namespace systole
