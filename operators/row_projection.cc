#include "operators/row_projection.h"

#include <algorithm>
#include <set>

namespace systole {

result<expression_ptr> bind_in_step(const operator_context& context, const proto::Expression& expression,
                                    expression_scope scope, std::optional<data_type> wanted) {
  scope.parameters = context.parameters;
  bind_result bound = bind_expression(expression.sql(), scope, wanted);
  if (bound.expression) return bound.expression;
  std::string message = "step " + context.step + ": ";
  for (size_t i = 0; i < bound.errors.size(); ++i) {
    if (i > 0) message += "; ";
    message += bound.errors[i].message + " at byte " + std::to_string(bound.errors[i].offset);
    if (!bound.errors[i].hint.empty()) message += " (" + bound.errors[i].hint + ")";
  }
  return fail(error_code::invalid_argument, message + ": " + expression.sql());
}

void reject_failed(const batch& rows, const std::vector<row_error>& errors, std::vector<uint8_t>& keep, output& out) {
  for (const row_error& error : errors) {
    if (!keep[error.row]) continue;
    keep[error.row] = 0;
    out.reject(rows, error.row, {"expression", error.reason, error.sqlstate});
  }
}

result<row_projection> row_projection::bind(const operator_context& context, const proto::Expression& condition,
                                            const google::protobuf::RepeatedPtrField<proto::NamedExpression>& fields,
                                            const proto::Schema& columns, const expression_scope& scope) {
  row_projection made;
  made.evaluation_.time = context.time;
  if (!condition.sql().empty()) {
    SYSTOLE_ASSIGN(made.condition_, bind_in_step(context, condition, scope, data_type{type_id::boolean}));
  }
  const schema wanted = from_proto(columns);
  for (const proto::NamedExpression& each : fields) {
    const int index = wanted.find(each.name());
    if (index != static_cast<int>(made.fields_.size()))
      return fail(error_code::internal, "step " + context.step + ": the plan's output columns and fields differ at " + each.name());
    SYSTOLE_ASSIGN(expression_ptr bound, bind_in_step(context, each.value(), scope, wanted.fields[made.fields_.size()].type));
    made.fields_.push_back(std::move(bound));
  }
  if (made.fields_.size() != wanted.fields.size())
    return fail(error_code::internal, "step " + context.step + ": the plan has " + std::to_string(wanted.fields.size()) +
                                          " output columns and " + std::to_string(made.fields_.size()) + " fields");
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
    reject_failed(rows, errors, keep, out);
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
  reject_failed(passed, errors, keep, out);
  batch made = passed.with_columns(std::move(columns));
  for (uint32_t i = 0; i < passed.rows(); ++i)
    if (keep[i]) kept.push_back(i);
  if (kept.size() < passed.rows()) made = gather(made, kept);
  if (!origin.empty())
    for (uint32_t& each : kept) each = origin[each];
  return made;
}

std::vector<int> row_projection::columns() const {
  std::set<int> read;
  if (condition_) read.insert(condition_->columns().begin(), condition_->columns().end());
  for (const expression_ptr& each : fields_) read.insert(each->columns().begin(), each->columns().end());
  return {read.begin(), read.end()};
}

}  // namespace systole
