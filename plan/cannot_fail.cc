#include "plan/cannot_fail.h"

#include <pg_query.h>

#include <set>
#include <string_view>

namespace systole {

bool cannot_fail(const std::string& sql) {
  PgQueryParseResult parsed = pg_query_parse(("SELECT " + sql).c_str());
  std::string tree = parsed.error || !parsed.parse_tree ? std::string() : parsed.parse_tree;
  pg_query_free_parse_result(parsed);
  if (tree.empty()) return false;
  static const std::set<std::string_view> harmless{"RawStmt", "SelectStmt", "ResTarget", "ColumnRef", "A_Const",
                                                   "A_Expr",  "BoolExpr",   "NullTest",  "String",    "List",
                                                   "BooleanTest"};
  // Node names are the only keys that start with a capital.
  for (size_t at = tree.find("{\""); at != std::string::npos; at = tree.find("{\"", at + 2)) {
    const size_t end = tree.find('"', at + 2);
    std::string_view name = std::string_view(tree).substr(at + 2, end - at - 2);
    if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z' && !harmless.contains(name)) return false;
  }
  static const std::set<std::string_view> comparisons{"=", "<>", "<", ">", "<=", ">=", "BETWEEN", "NOT BETWEEN"};
  constexpr std::string_view operator_name = "\"name\":[{\"String\":{\"sval\":\"";
  for (size_t at = tree.find(operator_name); at != std::string::npos; at = tree.find(operator_name, at + 1)) {
    const size_t from = at + operator_name.size();
    if (!comparisons.contains(std::string_view(tree).substr(from, tree.find('"', from) - from))) return false;
  }
  return true;
}

}  // namespace systole
