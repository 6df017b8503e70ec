#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace systole {

/// What a node of the syntax tree is. Children are in evaluation order unless said otherwise.
enum class syntax_kind {
  column,  ///< names: {name} or {qualifier, name}
  null_literal,
  boolean_literal,  ///< text: "true" or "false"
  integer_literal,  ///< text: digits with sign, fits 32 bits
  number_literal,   ///< text: any other number
  text_literal,     ///< text: the value
  operation,        ///< text: the operator; one (prefix) or two children
  call,             ///< text: the function; names: names of named arguments ("" for positional ones), or empty
  cast,             ///< text: the type's name; modifiers: its numbers; one child
  conjunction,      ///< AND of two or more
  disjunction,      ///< OR of two or more
  negation,
  null_test,     ///< negated: IS NOT NULL
  boolean_test,  ///< text: "TRUE", "FALSE" or "UNKNOWN"; negated: IS NOT
  distinct,      ///< IS DISTINCT FROM; negated: IS NOT DISTINCT FROM
  null_if,
  in_list,    ///< the subject, then the items; negated: NOT IN
  between,    ///< the subject, low, high; negated; symmetric
  case_when,  ///< subject or null, pairs of condition and result, then ELSE or null
  coalesce,
  greatest,
  least,
  array,      ///< ARRAY[...]
  subscript,  ///< an array and an index
};

/// PostgreSQL's syntax of one scalar expression, free of libpg_query's types.
struct syntax {
  syntax_kind kind{};
  size_t offset = 0;  ///< byte in the SQL text; of an operator its own, not its left side's
  std::string text;
  std::vector<std::string> names;
  std::vector<int> modifiers;
  std::vector<std::unique_ptr<syntax>> children;
  bool negated = false;
  bool symmetric = false;
  bool star = false;      ///< count(*)
  bool distinct = false;  ///< count(DISTINCT x)
  bool over = false;      ///< a window function call
  bool ordered = false;   ///< an aggregate with ORDER BY or WITHIN GROUP
  bool variadic = false;
  std::unique_ptr<syntax> filter;
};
using syntax_ptr = std::unique_ptr<syntax>;

/// A copy of a whole tree.
syntax_ptr clone(const syntax& tree);
/// Normalised SQL: keywords in capitals, parentheses around every operation, names quoted only where they must be.
/// Parses to an equal tree.
std::string print(const syntax& tree);

/// Calls `visit` for the tree and all below it, parents first.
template <class Visitor>
void visit_tree(const syntax& tree, const Visitor& visit) {
  visit(tree);
  for (const syntax_ptr& child : tree.children)
    if (child) visit_tree(*child, visit);
  if (tree.filter) visit_tree(*tree.filter, visit);
}

}  // namespace systole
