#pragma once

#include <string_view>
#include <vector>

#include "expr/bind/syntax.h"
#include "expr/expression.h"

namespace systole {

/// A parsed expression, or why it is none.
struct parse_outcome {
  syntax_ptr tree;  ///< null on error
  std::vector<expression_error> errors;
};

/// Parses one scalar expression with PostgreSQL's grammar (as `SELECT <sql>`). Refuses what is no scalar expression
/// (subqueries, FROM, several targets) and what is beyond the limits of base/limits.h. Thread-safe.
parse_outcome parse_expression(std::string_view sql);

}  // namespace systole
