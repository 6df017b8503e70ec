#pragma once

#include <string>
#include <string_view>

#include "plan/plan_context.h"

namespace systole {

/// Binds expressions of the manifest and tells what is wrong with them at their place within the YAML scalar.
class expression_binder {
 public:
  explicit expression_binder(plan_context& context) : context_(context) {}

  /// Null after an error. `what` names the expression in messages.
  expression_ptr bind(const yaml_node& scalar, expression_scope scope, std::optional<data_type> wanted = std::nullopt);
  /// Binds a condition: BOOLEAN.
  expression_ptr bind_condition(const yaml_node& scalar, expression_scope scope, std::string_view what);
  /// Binds SQL that was made of the scalar (a part of it, or rewritten): errors are at the same name in the scalar.
  expression_ptr bind_derived(const std::string& sql, const yaml_node& scalar, expression_scope scope,
                              std::optional<data_type> wanted = std::nullopt);

  /// Reports errors of the expression library.
  void report(const yaml_node& scalar, const std::vector<expression_error>& errors, bool exact_offsets,
              std::string_view sql);
  void report(const yaml_node& scalar, size_t offset, int code, std::string message, std::string hint = {});

  /// The expression as the plan keeps it, with its line and column.
  proto::Expression message(const yaml_node& scalar, std::string_view sql) const;
  proto::Expression message(const yaml_node& scalar) const { return message(scalar, scalar.text); }

  /// A result's column; reports types that no column can have.
  std::optional<field> column(const yaml_node& scalar, const std::string& name, const bound_expression& bound);
  /// Over a changelog an expression must give the same value for a row and for its retraction.
  bool check_deterministic(const yaml_node& scalar, const bound_expression& bound, const stream& input);

 private:
  plan_context& context_;
};

/// The upsert key and event time after columns were chosen: `source_of[i]` is the input's column that output column i
/// is a copy of, or -1.
void carry_properties(const stream& input, const std::vector<int>& source_of, stream& out);

proto::DataType type_message(data_type type);
proto::Schema schema_message(const schema& columns);
data_type type_of(const proto::DataType& message);
schema schema_of(const proto::Schema& message);
/// The type that holds values of both, or nothing. Numbers widen: INT, BIGINT, NUMERIC, DOUBLE PRECISION.
std::optional<data_type> wider_type(data_type a, data_type b);
/// `(sql)::type`
std::string cast_sql(std::string_view sql, data_type type);

}  // namespace systole
