#include "operators/expand.h"

#include <algorithm>

#include "base/limits.h"
#include "operators/step_expressions.h"

namespace systole {
namespace {

struct branch {
  expression_ptr when;  ///< null: always
  std::vector<expression_ptr> fields;
  std::vector<uint32_t> rows;  ///< of the batch at hand, ascending
  std::vector<column_ptr> columns;
};

class expand final : public stream_operator {
 public:
  expand(std::vector<branch> branches, size_t fields, const operator_context& context)
      : branches_(std::move(branches)), fields_(fields), context_(context) {}

  result<progress> process(batch rows, uint32_t, output& out) override {
    context_.accounting->in += rows.rows();
    std::vector<row_error> errors;
    evaluate_branches(rows, errors);
    while (!errors.empty()) {
      rows = reject_failed_rows(rows, errors, out);
      evaluate_branches(rows, errors);
    }
    order_rows(rows.rows());
    if (source_rows_.empty()) return progress::done;
    const batch made = assemble(rows);
    for (size_t offset = 0; offset < made.rows(); offset += limits::batch_rows)
      out.push(slice(made, offset, std::min(limits::batch_rows, made.rows() - offset)));
    return progress::done;
  }

 private:
  void evaluate_branches(const batch& rows, std::vector<row_error>& errors) {
    for (branch& each : branches_) {
      select(each, rows, errors);
      each.columns.clear();
      for (const expression_ptr& expression : each.fields) {
        const int index = expression->as_column();
        each.columns.push_back(index >= 0 ? rows.share(static_cast<size_t>(index))
                                          : evaluate(*expression, rows, errors, &each.rows));
      }
    }
  }

  void select(branch& each, const batch& rows, std::vector<row_error>& errors) {
    each.rows.clear();
    const column_ptr truth = each.when ? evaluate(*each.when, rows, errors, nullptr) : nullptr;
    for (uint32_t row = 0; row < rows.rows(); ++row)
      if (!truth || (truth->values<uint8_t>()[row] && truth->is_valid(row))) each.rows.push_back(row);
  }

  column_ptr evaluate(const bound_expression& expression, const batch& rows, std::vector<row_error>& errors,
                      const std::vector<uint32_t>* selection) {
    std::vector<row_error> found;
    column_ptr values = expression.evaluate(rows, evaluation_of(context_), found, selection);
    errors.insert(errors.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    return values;
  }

  /// Puts all branches' rows into one order, by row and then branch: source_rows_ says where each comes from, merged_ where
  /// it is when the branches' rows lie one branch after the other.
  void order_rows(size_t rows) {
    source_rows_.clear();
    source_branches_.clear();
    merged_.clear();
    std::vector<size_t> next(branches_.size(), 0);
    std::vector<uint32_t> offsets(branches_.size(), 0);
    for (size_t b = 1; b < branches_.size(); ++b)
      offsets[b] = offsets[b - 1] + static_cast<uint32_t>(branches_[b - 1].rows.size());
    for (uint32_t row = 0; row < rows; ++row) {
      bool matched = false;
      for (size_t b = 0; b < branches_.size(); ++b) {
        if (next[b] == branches_[b].rows.size() || branches_[b].rows[next[b]] != row) continue;
        source_rows_.push_back(row);
        source_branches_.push_back(static_cast<uint16_t>(b));
        merged_.push_back(offsets[b] + static_cast<uint32_t>(next[b]++));
        matched = true;
      }
      ++(matched ? context_.accounting->matched : context_.accounting->unmatched);
    }
  }

  batch assemble(const batch& rows) const {
    std::vector<column_ptr> columns, parts;
    for (size_t field = 0; field < fields_; ++field) {
      parts.clear();
      for (const branch& each : branches_)
        if (!each.rows.empty()) parts.push_back(gather(*each.columns[field], each.rows));
      columns.push_back(parts.size() == 1 ? parts[0] : gather(*concatenate(parts), merged_));
    }
    batch made = gather(rows.with_columns({}), source_rows_).with_columns(std::move(columns));
    if (made.has(hidden::position)) made.set_hidden(hidden::position, numbered_positions(made));
    return made;
  }

  column_ptr numbered_positions(const batch& made) const {
    column_builder builder(hidden_types[static_cast<size_t>(hidden::position)], made.rows());
    for (size_t row = 0; row < made.rows(); ++row) {
      row_position position = row_position::unpack(made.position(row));
      const size_t number = position.branch * branches_.size() + source_branches_[row];
      position.branch = static_cast<uint16_t>(std::min<size_t>(number, 0xffff));
      builder.append<int128>(static_cast<int128>(position.pack()));
    }
    return builder.finish();
  }

  std::vector<branch> branches_;
  size_t fields_;
  operator_context context_;
  std::vector<uint32_t> source_rows_;
  std::vector<uint16_t> source_branches_;
  std::vector<uint32_t> merged_;
};

}  // namespace

result<std::unique_ptr<stream_operator>> make_expand(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                     const operator_context& context) {
  const proto::Expand& step = node.expand();
  if (!step.series_from().sql().empty()) return make_expand_series(node, inputs, context);
  if (step.branches().empty()) return step_failure(context, "expand has neither branches nor a series");
  const expression_scope scope = step_scope(inputs[0].columns, context);
  schema wanted = from_proto(node.output());
  std::vector<branch> branches;
  for (const proto::Expand::Branch& each : step.branches()) {
    branch bound;
    if (!each.when().sql().empty()) {
      SYSTOLE_ASSIGN(bound.when, bind_step_expression(each.when(), scope, context, "when", data_type{type_id::boolean}));
    }
    SYSTOLE_ASSIGN(bound.fields, bind_step_fields(each.fields(), scope, context, &wanted));
    if (wanted.fields.empty())
      for (int i = 0; i < each.fields_size(); ++i)
        wanted.fields.push_back({each.fields(i).name(), bound.fields[static_cast<size_t>(i)]->type()});
    if (bound.fields.size() != wanted.fields.size()) return step_failure(context, "expand's branches differ in their fields");
    branches.push_back(std::move(bound));
  }
  return std::unique_ptr<stream_operator>(
      std::make_unique<expand>(std::move(branches), wanted.fields.size(), context));
}

}  // namespace systole
