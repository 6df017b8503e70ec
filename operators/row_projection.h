#pragma once

#include <vector>

#include "operators/factory.h"

namespace systole {

/// Binds one expression of a step. The error names the step and where in the SQL it is wrong.
/// The scope's parameters are set to the context's.
result<expression_ptr> bind_in_step(const operator_context& context, const proto::Expression& expression,
                                    expression_scope scope, std::optional<data_type> wanted = std::nullopt);

/// Sends the rows in `errors` to the dead letter with rule "expression", each once, and sets their `keep` to 0.
void reject_failed(const batch& rows, const std::vector<row_error>& errors, std::vector<uint8_t>& keep, output& out);

/// The last part of joins, windows and over: an optional condition and the output columns, evaluated over whole batches.
/// Rows for which the condition is not TRUE are left out, rows that fail are rejected (rule "expression").
class row_projection {
 public:
  /// Binds `condition` (empty sql: none) and `fields`, whose types become those of `columns`.
  static result<row_projection> bind(const operator_context& context, const proto::Expression& condition,
                                     const google::protobuf::RepeatedPtrField<proto::NamedExpression>& fields,
                                     const proto::Schema& columns, const expression_scope& scope);

  /// The output rows of `rows`, in order, with their hidden columns.
  batch apply(const batch& rows, output& out) const;
  /// As apply, and sets kept[i] to the index in `rows` of output row i.
  batch apply(const batch& rows, output& out, std::vector<uint32_t>& kept) const;

  /// Indices of the columns that it reads, ascending, unique.
  std::vector<int> columns() const;

 private:
  expression_ptr condition_;
  std::vector<expression_ptr> fields_;
  evaluation_context evaluation_;
};

}  // namespace systole
