#include "operators/step_expressions.h"

#include <algorithm>

#include "base/limits.h"

namespace systole {

failure step_failure(const operator_context& context, std::string_view message) {
  return fail(error_code::invalid_argument, "step " + context.step + ": " + std::string(message));
}

expression_scope step_scope(const schema& columns, const operator_context& context, std::string_view qualifier) {
  expression_scope scope = scope_of(columns, qualifier);
  scope.parameters = context.parameters;
  return scope;
}

result<expression_ptr> bind_step_expression(const proto::Expression& source, const expression_scope& scope,
                                            const operator_context& context, std::string_view role,
                                            std::optional<data_type> wanted) {
  bind_result bound = bind_expression(source.sql(), scope, wanted);
  if (bound.expression) return bound.expression;
  std::string message(role);
  for (const expression_error& each : bound.errors)
    message += ": " + each.message + " at byte " + std::to_string(each.offset);
  return step_failure(context, message);
}

result<std::vector<expression_ptr>> bind_step_expressions(
    const google::protobuf::RepeatedPtrField<proto::Expression>& sources, const expression_scope& scope,
    const operator_context& context, std::string_view role) {
  std::vector<expression_ptr> bound;
  for (const proto::Expression& each : sources) {
    SYSTOLE_ASSIGN(expression_ptr expression, bind_step_expression(each, scope, context, role));
    bound.push_back(std::move(expression));
  }
  return bound;
}

result<std::vector<expression_ptr>> bind_step_fields(
    const google::protobuf::RepeatedPtrField<proto::NamedExpression>& sources, const expression_scope& scope,
    const operator_context& context, const schema* wanted) {
  std::vector<expression_ptr> bound;
  const bool typed = wanted && wanted->fields.size() == static_cast<size_t>(sources.size());
  for (const proto::NamedExpression& each : sources) {
    const std::string role = "field " + each.name();
    SYSTOLE_ASSIGN(expression_ptr expression, bind_step_expression(each.value(), scope, context, role));
    if (typed && expression->type() != wanted->fields[bound.size()].type) {
      SYSTOLE_ASSIGN(expression, bind_step_expression(each.value(), scope, context, role, wanted->fields[bound.size()].type));
    }
    bound.push_back(std::move(expression));
  }
  return bound;
}

void evaluate_all(const std::vector<expression_ptr>& expressions, const batch& rows, const operator_context& context,
                  std::vector<column_ptr>& columns, std::vector<row_error>& errors) {
  columns.clear();
  std::vector<row_error> found;
  for (const expression_ptr& each : expressions) {
    if (const int index = each->as_column(); index >= 0) {
      columns.push_back(rows.share(static_cast<size_t>(index)));
      continue;
    }
    columns.push_back(each->evaluate(rows, evaluation_of(context), found));
    errors.insert(errors.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    found.clear();
  }
}

batch reject_failed_rows(const batch& rows, std::vector<row_error>& errors, output& out) {
  std::stable_sort(errors.begin(), errors.end(), [](const row_error& a, const row_error& b) { return a.row < b.row; });
  std::vector<uint32_t> kept;
  kept.reserve(rows.rows());
  size_t next = 0;
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    if (next == errors.size() || errors[next].row != row) {
      kept.push_back(row);
      continue;
    }
    out.reject(rows, row, {"expression", errors[next].reason, errors[next].sqlstate});
    while (next < errors.size() && errors[next].row == row) ++next;
  }
  errors.clear();
  return gather(rows, kept);
}

void evaluate_or_reject(const std::vector<expression_ptr>& expressions, batch& rows, const operator_context& context,
                        std::vector<column_ptr>& columns, output& out) {
  std::vector<row_error> errors;
  evaluate_all(expressions, rows, context, columns, errors);
  // A second pass sees only rows that did not fail, but may meet a clock that moved on: loop until all is well.
  while (!errors.empty()) {
    rows = reject_failed_rows(rows, errors, out);
    evaluate_all(expressions, rows, context, columns, errors);
  }
}

void encode_keys_or_reject(const std::vector<expression_ptr>& expressions, batch& rows, const operator_context& context,
                           std::vector<column_ptr>& columns, encoded_keys& keys, output& out) {
  evaluate_or_reject(expressions, rows, context, columns, out);
  keys.encode(pointers_of(columns), rows.rows());
  if (rows.empty()) return;
  // Keys lie one behind the other: most batches have fewer bytes altogether than one key may have.
  const std::string_view last = keys.key(rows.rows() - 1);
  if (static_cast<size_t>(last.data() + last.size() - keys.key(0).data()) < limits::state_key_bytes / 2) return;
  std::vector<row_error> errors;
  for (uint32_t row = 0; row < rows.rows(); ++row)
    if (keys.key(row).size() > limits::state_key_bytes / 2) errors.push_back({row, "54000", "the key is too long"});
  if (errors.empty()) return;
  rows = reject_failed_rows(rows, errors, out);
  evaluate_or_reject(expressions, rows, context, columns, out);
  keys.encode(pointers_of(columns), rows.rows());
}

std::vector<const column*> pointers_of(const std::vector<column_ptr>& columns) {
  std::vector<const column*> pointers;
  pointers.reserve(columns.size());
  for (const column_ptr& each : columns) pointers.push_back(each.get());
  return pointers;
}

}  // namespace systole
