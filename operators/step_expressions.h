#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/key_encoding.h"
#include "expr/expression.h"
#include "operators/factory.h"
#include "operators/operator.h"
#include "proto/plan.pb.h"

namespace systole {

/// Binds one expression of a step; the error names step, role of the expression and SQL's offset.
result<expression_ptr> bind_step_expression(const proto::Expression& source, const expression_scope& scope,
                                            const operator_context& context, std::string_view role,
                                            std::optional<data_type> wanted = std::nullopt);

/// Binds a list of expressions, such as keys.
result<std::vector<expression_ptr>> bind_step_expressions(
    const google::protobuf::RepeatedPtrField<proto::Expression>& sources, const expression_scope& scope,
    const operator_context& context, std::string_view role);

/// Binds named expressions. With `wanted` (a node's output schema that holds as many fields) each gets its field's type.
result<std::vector<expression_ptr>> bind_step_fields(
    const google::protobuf::RepeatedPtrField<proto::NamedExpression>& sources, const expression_scope& scope,
    const operator_context& context, const schema* wanted = nullptr);

/// What expressions of a step read besides columns.
expression_scope step_scope(const schema& columns, const operator_context& context, std::string_view qualifier = {});
inline evaluation_context evaluation_of(const operator_context& context) { return {context.time}; }

/// Evaluates all expressions; bare columns are shared. Errors of all are appended; a row may come more than once.
void evaluate_all(const std::vector<expression_ptr>& expressions, const batch& rows, const operator_context& context,
                  std::vector<column_ptr>& columns, std::vector<row_error>& errors);

/// Rejects the rows in `errors` (each once, with its first error) with rule "expression", clears `errors`, and returns
/// the other rows. REQUIRES: errors is not empty.
batch reject_failed_rows(const batch& rows, std::vector<row_error>& errors, output& out);

/// Evaluates all expressions over `rows`; rows that fail are rejected and dropped from `rows`, so that the columns have
/// rows.rows() rows in any case.
void evaluate_or_reject(const std::vector<expression_ptr>& expressions, batch& rows, const operator_context& context,
                        std::vector<column_ptr>& columns, output& out);

/// As evaluate_or_reject, and encodes the keys of the rows that are left. Rows whose key is too long for state are rejected
/// too (54000), lest they stop the job.
void encode_keys_or_reject(const std::vector<expression_ptr>& expressions, batch& rows, const operator_context& context,
                           std::vector<column_ptr>& columns, encoded_keys& keys, output& out);

/// Raw pointers of columns, as encoded_keys::encode takes them.
std::vector<const column*> pointers_of(const std::vector<column_ptr>& columns);

/// A failure that names the step.
failure step_failure(const operator_context& context, std::string_view message);

}  // namespace systole
