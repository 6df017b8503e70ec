#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "expr/bind/syntax.h"
#include "expr/expression.h"
#include "expr/functions.h"
#include "expr/node.h"
#include "expr/types.h"

namespace systole {

/// A bound part of an expression. A text literal and NULL have no type yet: they take the one that is asked for.
struct bound_value {
  node_ptr node;  ///< null: an error was reported
  bool unknown = false;
  std::string literal;  ///< of an unknown text
  size_t offset = 0;
  bool is_null_literal = false;
  explicit operator bool() const { return node != nullptr; }
  type_id resolution_type() const { return unknown ? type_id::null : node->type().id; }
};

/// Turns a syntax tree into nodes over a scope's columns with PostgreSQL's type rules. Collects all errors it finds.
class binder {
 public:
  explicit binder(const expression_scope& scope) : scope_(scope) {}

  bound_value bind(const syntax& from);
  /// The value as `to`: literals are read, others cast where `most` allows it. Null on error.
  node_ptr coerce(bound_value value, data_type to, coercion most);
  std::vector<expression_error> take_errors() { return std::move(errors_); }

 private:
  // bind.cc
  bound_value bind_column(const syntax& from);
  bound_value bind_number(const syntax& from);
  bound_value bind_cast(const syntax& from);
  bound_value bind_boolean_test(const syntax& from);
  /// All children but null ones; nothing where one has an error.
  std::optional<std::vector<bound_value>> bind_all(const std::vector<syntax_ptr>& children, size_t from = 0);
  bound_value refuse(size_t offset, std::string message, std::string hint = {}, std::string sqlstate = {});
  static bound_value make(node_ptr node, size_t offset) { return {std::move(node), false, {}, offset, false}; }

  // bind_operators.cc
  bound_value bind_logic(const syntax& from);
  bound_value bind_operation(const syntax& from);
  bound_value bind_concatenation(const syntax& from);
  bound_value bind_in(const syntax& from);
  bound_value bind_between(const syntax& from);
  bound_value bind_distinct(const syntax& from);
  /// A call of an operator with PostgreSQL's resolution.
  bound_value apply_operator(const std::string& name, std::vector<bound_value> operands, size_t offset);
  bound_value unknown_operator(const std::string& name, const std::vector<bound_value>& operands, size_t offset);
  /// Both sides of an equality in the type in which it compares; false after an error.
  bool unify_for_equality(bound_value& a, bound_value& b, size_t offset);

  // bind_conditionals.cc
  bound_value bind_case(const syntax& from);
  bound_value bind_coalesce(const syntax& from);
  bound_value bind_extreme(const syntax& from);
  bound_value bind_null_if(const syntax& from);
  /// Brings values to one type; false after an error that names `what`.
  bool unify(std::vector<bound_value*> values, const char* what, data_type& type);

  // bind_calls.cc
  bound_value bind_call(const syntax& from);
  bound_value bind_special(const syntax& from, bool& handled);
  bound_value bind_parameter(const syntax& from);
  bound_value bind_make_interval(const syntax& from);
  bound_value bind_subscript(const syntax& from);
  bound_value apply_function(const std::string& name, const std::string& shown, std::vector<bound_value> arguments,
                             size_t offset);
  bound_value call_entry(const function_entry& entry, std::vector<bound_value> arguments, size_t offset);

  const expression_scope& scope_;
  std::vector<expression_error> errors_;
};

/// `text, integer` for messages.
std::string type_list(const std::vector<bound_value>& values);

}  // namespace systole
