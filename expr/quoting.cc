#include "expr/quoting.h"

#include <algorithm>
#include <array>

namespace systole {
namespace {

/// PostgreSQL 15's reserved words and those that can only name functions and types (appendix C; src/include/parser/kwlist.h),
/// sorted: a name that stands alone or before a parenthesis is taken for something else.
constexpr std::array<std::string_view, 100> reserved = {
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "binary", "both", "case",
    "cast", "check", "collate", "collation", "column", "concurrently", "constraint", "create", "cross", "current_catalog",
    "current_date", "current_role", "current_schema", "current_time", "current_timestamp", "current_user", "default",
    "deferrable", "desc", "distinct", "do", "else", "end", "except", "false", "fetch", "for", "foreign", "freeze", "from",
    "full", "grant", "group", "having", "ilike", "in", "initially", "inner", "intersect", "into", "is", "isnull", "join",
    "lateral", "leading", "left", "like", "limit", "localtime", "localtimestamp", "natural", "not", "notnull", "null",
    "offset", "on", "only", "or", "order", "outer", "overlaps", "placing", "primary", "references", "returning", "right",
    "select", "session_user", "similar", "some", "symmetric", "table", "tablesample", "then", "to", "trailing", "true",
    "union", "unique", "user", "using", "variadic", "verbose", "when", "where", "window", "with"};

bool needs_quotes(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return true;
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !std::all_of(name.begin(), name.end(), is_plain) || std::binary_search(reserved.begin(), reserved.end(), name);
}

std::string quoted(std::string_view text, char quote) {
  std::string made(1, quote);
  for (const char c : text) {
    if (c == quote) made.push_back(quote);
    made.push_back(c);
  }
  made.push_back(quote);
  return made;
}

}  // namespace

std::string quote_name(std::string_view name) { return needs_quotes(name) ? quoted(name, '"') : std::string(name); }

std::string quote_literal(std::string_view text) { return quoted(text, '\''); }

}  // namespace systole
