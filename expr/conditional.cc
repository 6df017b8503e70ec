#include "expr/conditional.h"

#include <algorithm>
#include <cstring>

#include "expr/column_edit.h"
#include "expr/logic.h"
#include "expr/row_assembly.h"

namespace systole {
namespace {

class case_node final : public node {
 public:
  case_node(data_type type, std::vector<case_branch> branches, node_ptr otherwise)
      : node(type, !otherwise || otherwise->nullable()),
        branches_(std::move(branches)),
        otherwise_(std::move(otherwise)) {
    cheap_ = branches_.size() <= 2;
    for (const case_branch& each : branches_) {
      walk_.push_back(each.condition);
      walk_.push_back(each.result);
      nullable_ |= each.result->nullable();
    }
    if (otherwise_) walk_.push_back(otherwise_);
    for (const node_ptr& each : walk_) {
      can_fail_ |= each->can_fail();
      cheap_ &= each->cheap();
    }
  }

  column_ptr evaluate(evaluation& run, const selection& rows) const override {
    row_assembly result(type_, rows);
    std::vector<uint32_t> left, taken, others;
    bool narrowed = false;
    for (const case_branch& branch : branches_) {
      const selection remaining = narrowed ? selection::of(left, rows.size) : rows;
      if (remaining.count == 0) break;
      const operand condition = evaluate_operand(*branch.condition, run, remaining);
      if (condition.always_null() || (condition.constant && !condition.values->values<uint8_t>()[0])) continue;
      if (condition.constant) {
        take(result, *branch.result, run, remaining);
        left.clear();
        narrowed = true;
        break;
      }
      split_rows(*condition.values, remaining, taken, others);
      take(result, *branch.result, run, selection::of(taken, rows.size));
      std::swap(left, others);
      narrowed = true;
    }
    const selection remaining = narrowed ? selection::of(left, rows.size) : rows;
    if (otherwise_) take(result, *otherwise_, run, remaining);
    else result.take_null(remaining);
    return result.finish();
  }
  std::span<const node_ptr> children() const override { return walk_; }

 private:
  static void take(row_assembly& result, const node& from, evaluation& run, const selection& rows) {
    if (rows.count > 0) result.take(evaluate_operand(from, run, rows), rows);
  }
  std::vector<case_branch> branches_;
  node_ptr otherwise_;
  std::vector<node_ptr> walk_;
};

class coalesce_node final : public node {
 public:
  coalesce_node(data_type type, std::vector<node_ptr> choices) : node(type, true), choices_(std::move(choices)) {
    for (const node_ptr& each : choices_) {
      nullable_ &= each->nullable();
      can_fail_ |= each->can_fail();
      cheap_ &= each->cheap();
    }
  }

  column_ptr evaluate(evaluation& run, const selection& rows) const override {
    operand first = evaluate_operand(*choices_[0], run, rows);
    if (!first.constant && !first.values->may_have_nulls()) return retype(first.values, type_);
    row_assembly result(type_, rows);
    std::vector<uint32_t> left = take_valid(result, first, rows);
    for (size_t i = 1; i < choices_.size() && !left.empty(); ++i) {
      const selection remaining = selection::of(left, rows.size);
      std::vector<uint32_t> still = take_valid(result, evaluate_operand(*choices_[i], run, remaining), remaining);
      left = std::move(still);
    }
    result.take_null(selection::of(left, rows.size));
    return result.finish();
  }
  std::span<const node_ptr> children() const override { return choices_; }

 private:
  /// Takes the rows that are not NULL and returns the others.
  static std::vector<uint32_t> take_valid(row_assembly& result, const operand& from, const selection& rows) {
    std::vector<uint32_t> taken, others;
    taken.reserve(rows.count);
    rows.for_each([&](size_t row) {
      (from.values->is_valid(from.row(row)) ? taken : others).push_back(static_cast<uint32_t>(row));
    });
    result.take(from, selection::of(taken, rows.size));
    return others;
  }
  std::vector<node_ptr> choices_;
};

}  // namespace

node_ptr make_case(data_type type, std::vector<case_branch> branches, node_ptr otherwise) {
  std::vector<case_branch> kept;
  for (case_branch& branch : branches) {
    const column_ptr condition = branch.condition->constant();
    if (condition && (condition->is_null(0) || !condition->values<uint8_t>()[0])) continue;
    if (condition) {
      // Always TRUE: nothing after it is reached.
      otherwise = branch.result;
      break;
    }
    kept.push_back(std::move(branch));
  }
  if (kept.empty()) return otherwise ? otherwise : make_null_node(type);
  return std::make_shared<case_node>(type, std::move(kept), std::move(otherwise));
}

node_ptr make_coalesce(data_type type, std::vector<node_ptr> choices) {
  std::vector<node_ptr> kept;
  for (node_ptr& each : choices) {
    const column_ptr constant = each->constant();
    if (constant && constant->is_null(0)) continue;
    const bool last = !each->nullable() && !each->can_fail();
    kept.push_back(std::move(each));
    if (last) break;
  }
  if (kept.empty()) return make_null_node(type);
  if (kept.size() == 1 && kept[0]->type() == type) return kept[0];
  return fold(std::make_shared<coalesce_node>(type, std::move(kept)));
}

}  // namespace systole
