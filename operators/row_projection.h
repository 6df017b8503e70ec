#pragma once

#include <vector>

#include "operators/factory.h"
#include "operators/step_expressions.h"

namespace systole {

/// Sends the rows in `errors` to the dead letter with `rule`, each once, and sets their `keep` to 0.
void reject_failed(const batch& rows, const std::vector<row_error>& errors, std::string_view rule,
                   std::vector<uint8_t>& keep, output& out);

/// The last part of joins, windows and over: an optional condition and the output columns, evaluated over whole
/// batches. Rows for which the condition is not TRUE are left out, rows that fail are rejected with `rule`:
/// "expression" where the rows are those that the step was given, failed_result_rule where it made them.
class row_projection {
 public:
  /// Binds `condition` (empty sql: none) and `fields`, whose types become those of `columns`.
  static result<row_projection> bind(const operator_context& context, std::string_view rule,
                                     const proto::Expression& condition,
                                     const google::protobuf::RepeatedPtrField<proto::NamedExpression>& fields,
                                     const proto::Schema& columns, const expression_scope& scope);

  /// The output rows of `rows`, in order, with their hidden columns.
  batch apply(const batch& rows, output& out) const;
  /// As apply, and sets kept[i] to the index in `rows` of output row i.
  batch apply(const batch& rows, output& out, std::vector<uint32_t>& kept) const;

  /// The output columns of all rows, the condition aside. Rows that fail are rejected and their `keep` set to 0; the
  /// values of rows whose `keep` is 0 are unspecified.
  std::vector<column_ptr> evaluate(const batch& rows, std::vector<uint8_t>& keep, output& out) const;
  /// As evaluate, but rows that fail are only listed; one may come more than once.
  std::vector<column_ptr> evaluate(const batch& rows, const std::vector<uint8_t>& keep,
                                   std::vector<row_error>& errors) const;

  /// Indices of the columns that it reads, ascending, unique.
  std::vector<int> columns() const;

 private:
  std::string rule_;
  expression_ptr condition_;
  std::vector<expression_ptr> fields_;
  evaluation_context evaluation_;
};

}  // namespace systole
