#include "operators/row_projection.h"

#include <algorithm>
#include <set>

namespace systole {

void reject_failed(const batch& rows, const std::vector<row_error>& errors, std::string_view rule,
                   std::vector<uint8_t>& keep, output& out) {
  for (const row_error& error : errors) {
    if (!keep[error.row]) continue;
    keep[error.row] = 0;
    out.reject(rows, error.row, {rule, error.reason, error.sqlstate});
  }
}

result<row_projection> row_projection::bind(const operator_context& context, std::string_view rule,
                                            const proto::Expression& condition,
                                            const google::protobuf::RepeatedPtrField<proto::NamedExpression>& fields,
                                            const proto::Schema& columns, const expression_scope& scope) {
  row_projection made;
  made.rule_ = rule;
  made.evaluation_ = evaluation_of(context);
  if (!condition.sql().empty()) {
    SYSTOLE_ASSIGN(made.condition_,
                   bind_step_expression(condition, scope, context, "condition", data_type{type_id::boolean}));
  }
  const schema wanted = from_proto(columns);
  SYSTOLE_ASSIGN(made.fields_, bind_step_fields(fields, scope, context, &wanted));
  return made;
}

batch row_projection::apply(const batch& rows, output& out) const {
  std::vector<uint32_t> kept;
  return apply(rows, out, kept);
}

batch row_projection::apply(const batch& rows, output& out, std::vector<uint32_t>& kept) const {
  const size_t n = rows.rows();
  kept.clear();
  std::vector<row_error> errors;
  std::vector<uint8_t> keep(n, 1);
  batch passed = rows;
  std::vector<uint32_t> origin;  // of the rows of `passed`; empty: all of them
  if (condition_) {
    const column_ptr truth = condition_->evaluate(rows, evaluation_, errors);
    reject_failed(rows, errors, rule_, keep, out);
    const uint8_t* values = truth->values<uint8_t>();
    for (uint32_t i = 0; i < n; ++i)
      if (keep[i] && truth->is_valid(i) && values[i]) origin.push_back(i);
    if (origin.size() < n) passed = gather(rows, origin);
    else origin.clear();
    errors.clear();
    if (passed.empty()) return {};
    keep.assign(passed.rows(), 1);
  }
  std::vector<column_ptr> columns;
  columns.reserve(fields_.size());
  for (const expression_ptr& each : fields_) columns.push_back(each->evaluate(passed, evaluation_, errors));
  reject_failed(passed, errors, rule_, keep, out);
  batch made = passed.with_columns(std::move(columns));
  for (uint32_t i = 0; i < passed.rows(); ++i)
    if (keep[i]) kept.push_back(i);
  if (kept.size() < passed.rows()) made = gather(made, kept);
  if (!origin.empty())
    for (uint32_t& each : kept) each = origin[each];
  return made;
}

std::vector<column_ptr> row_projection::evaluate(const batch& rows, std::vector<uint8_t>& keep, output& out) const {
  std::vector<row_error> errors;
  std::vector<column_ptr> columns = evaluate(rows, keep, errors);
  reject_failed(rows, errors, rule_, keep, out);
  return columns;
}

std::vector<column_ptr> row_projection::evaluate(const batch& rows, const std::vector<uint8_t>& keep,
                                                 std::vector<row_error>& errors) const {
  std::vector<uint32_t> selection;
  for (uint32_t i = 0; i < rows.rows(); ++i)
    if (keep[i]) selection.push_back(i);
  const bool all = selection.size() == rows.rows();
  std::vector<column_ptr> columns;
  columns.reserve(fields_.size());
  for (const expression_ptr& each : fields_)
    columns.push_back(each->evaluate(rows, evaluation_, errors, all ? nullptr : &selection));
  return columns;
}

std::vector<int> row_projection::columns() const {
  std::set<int> read;
  if (condition_) read.insert(condition_->columns().begin(), condition_->columns().end());
  for (const expression_ptr& each : fields_) read.insert(each->columns().begin(), each->columns().end());
  return {read.begin(), read.end()};
}

}  // namespace systole
