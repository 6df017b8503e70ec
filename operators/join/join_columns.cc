#include "operators/join/join_columns.h"

#include <algorithm>

namespace systole {
namespace {

expression_scope scope_of_both(const operator_context& context, const join_input& left, const join_input& right) {
  expression_scope both = left.scope(context);
  const int offset = static_cast<int>(left.columns.fields.size());
  for (scope_column each : right.scope(context).columns) {
    each.index += offset;
    both.columns.push_back(std::move(each));
  }
  return both;
}

/// Binds over all columns of `scope`.
result<join_columns> bind_over(const operator_context& context, std::string_view rule, const expression_scope& scope,
                               const proto::Expression& residual, bool condition_in_results,
                               const google::protobuf::RepeatedPtrField<proto::NamedExpression>& fields,
                               const proto::Schema& output_columns) {
  join_columns made;
  const bool has_condition = !residual.sql().empty();
  if (has_condition && !condition_in_results) {
    SYSTOLE_ASSIGN(made.condition, bind_step_expression(residual, scope, context, "on", data_type{type_id::boolean}));
  }
  SYSTOLE_ASSIGN(made.results,
                 row_projection::bind(context, rule, condition_in_results ? residual : proto::Expression(), fields,
                                      output_columns, scope));
  return made;
}

}  // namespace

result<join_columns> bind_join_columns(const operator_context& context, std::string_view rule, const join_input& left,
                                       const join_input& right, const proto::Expression& residual,
                                       bool condition_in_results,
                                       const google::protobuf::RepeatedPtrField<proto::NamedExpression>& fields,
                                       const proto::Schema& output_columns) {
  // Twice: the first binding tells which columns are read, the second counts only these.
  expression_scope scope = scope_of_both(context, left, right);
  SYSTOLE_ASSIGN(join_columns wide,
                 bind_over(context, rule, scope, residual, condition_in_results, fields, output_columns));
  std::vector<int> read = wide.results.columns();
  if (wide.condition) read.insert(read.end(), wide.condition->columns().begin(), wide.condition->columns().end());
  std::sort(read.begin(), read.end());
  read.erase(std::unique(read.begin(), read.end()), read.end());
  const int left_size = static_cast<int>(left.columns.fields.size());
  for (scope_column& each : scope.columns) {
    const auto at = std::lower_bound(read.begin(), read.end(), each.index);
    each.index = at != read.end() && *at == each.index ? static_cast<int>(at - read.begin()) : -1;
  }
  SYSTOLE_ASSIGN(join_columns compact,
                 bind_over(context, rule, scope, residual, condition_in_results, fields, output_columns));
  for (int index : read)
    (index < left_size ? compact.left : compact.right).push_back(index < left_size ? index : index - left_size);
  return compact;
}

result<std::vector<expression_ptr>> bind_join_keys(const operator_context& context, const join_input& side,
                                                   const google::protobuf::RepeatedPtrField<proto::Expression>& keys) {
  return bind_step_expressions(keys, side.scope(context), context, "on");
}

const encoded_keys& join_keys::encode(const batch& rows, const evaluation_context& evaluation,
                                      std::vector<uint8_t>& keep, output& out) {
  std::vector<row_error> errors;
  std::vector<column_ptr> values;
  std::vector<const column*> columns;
  for (const expression_ptr& each : expressions_) values.push_back(each->evaluate(rows, evaluation, errors));
  for (const column_ptr& each : values) columns.push_back(each.get());
  reject_failed(rows, errors, "expression", keep, out);
  keys_.encode(columns, rows.rows());
  return keys_;
}

std::string join_keys::fingerprint() const {
  std::string text;
  for (const expression_ptr& each : expressions_) text += each->normalized() + ": " + to_string(each->type()) + ", ";
  return text;
}

}  // namespace systole
