#include "expr/bind/parse.h"

#include <google/protobuf/io/coded_stream.h>
#include <pg_query.h>

#include "base/limits.h"
#include "expr/bind/tree_reader.h"
#include "expr/text/utf8.h"

namespace systole {
namespace {

constexpr std::string_view prefix = "SELECT ";
/// A level of an expression takes up to four levels of messages.
constexpr int message_depth = static_cast<int>(limits::expression_depth) * 4 + 32;

/// libpg_query counts characters from 1 and includes the prefix.
size_t offset_of_cursor(std::string_view sql, int cursor) {
  const auto characters = static_cast<size_t>(std::max(0, cursor - 1 - static_cast<int>(prefix.size())));
  return utf8_offset(sql, characters);
}

std::string hint_for(std::string_view sql, size_t offset) {
  const std::string_view rest = sql.substr(std::min(offset, sql.size()));
  const size_t first = sql.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "write an expression, such as a column's name";
  if (rest.substr(0, 2) == "&&") return "write AND";
  if (rest.empty())
    return "something is missing at the end: look for an open parenthesis, CASE without END, or an operator";
  if (rest[0] == ';') return "an expression ends without a semicolon";
  return {};
}

parse_outcome refuse(size_t offset, std::string message, std::string hint = {}) {
  parse_outcome outcome;
  outcome.errors.push_back({offset, std::move(message), {}, std::move(hint), "42601"});
  return outcome;
}

/// Frees libpg_query's result.
struct query_result {
  PgQueryProtobufParseResult raw;
  explicit query_result(const char* text) : raw(pg_query_parse_protobuf(text)) {}
  ~query_result() { pg_query_free_protobuf_parse_result(raw); }
  query_result(const query_result&) = delete;
  query_result& operator=(const query_result&) = delete;
};

bool is_plain_select(const pg_tree::select_statement& select) {
  return select.distinct_clause().empty() && !select.has_into_clause() && select.from_clause().empty() &&
         !select.has_where_clause() && select.group_clause().empty() && !select.has_having_clause() &&
         select.window_clause().empty() && select.values_lists().empty() && select.sort_clause().empty() &&
         !select.has_limit_offset() && !select.has_limit_count() && select.locking_clause().empty() &&
         !select.has_with_clause() && !select.has_larg();
}

}  // namespace

parse_outcome parse_expression(std::string_view sql) {
  if (sql.size() > limits::expression_bytes)
    return refuse(0, "the expression is longer than " + std::to_string(limits::expression_bytes) + " bytes");
  if (const size_t zero = sql.find('\0'); zero != std::string_view::npos)
    return refuse(zero, "the expression holds a zero byte");
  if (const size_t bad = invalid_utf8(sql); bad != std::string_view::npos)
    return refuse(bad, "the expression is not valid UTF-8");

  // A line comment at the end would swallow nothing: the text ends there.
  const std::string text = std::string(prefix) + std::string(sql);
  const query_result parsed(text.c_str());
  if (parsed.raw.error) {
    const size_t offset = offset_of_cursor(sql, parsed.raw.error->cursorpos);
    return refuse(offset, parsed.raw.error->message ? parsed.raw.error->message : "syntax error",
                  hint_for(sql, offset));
  }

  pg_tree::parse_result tree;
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(parsed.raw.parse_tree.data),
                                                static_cast<int>(parsed.raw.parse_tree.len));
  stream.SetRecursionLimit(message_depth);
  const std::string too_deep = "the expression is nested deeper than " + std::to_string(limits::expression_depth);
  if (!tree.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return refuse(0, too_deep, "split it into several columns");

  if (tree.stmts_size() == 0) return refuse(0, "the expression is empty", hint_for(sql, 0));
  if (tree.stmts_size() > 1)
    return refuse(0, "one expression is expected, not several statements", "remove the semicolon");
  if (!tree.stmts(0).stmt().has_select_stmt()) return refuse(0, "a scalar expression is expected");
  const pg_tree::select_statement& select = tree.stmts(0).stmt().select_stmt();
  if (!is_plain_select(select))
    return refuse(0, "a scalar expression is expected, without FROM, WHERE, GROUP BY or ORDER BY",
                  "an expression sees the row's columns without a query");
  if (select.target_list().empty()) return refuse(0, "the expression is empty", hint_for(sql, 0));
  if (select.target_list_size() > 1) {
    const int location = select.target_list(1).res_target().location();
    return refuse(location > static_cast<int>(prefix.size()) ? static_cast<size_t>(location) - prefix.size() : 0,
                  "one expression is expected, not a list");
  }
  const pg_tree::res_target& target = select.target_list(0).res_target();
  if (!target.name().empty())
    return refuse(0, "the expression must not have a name (\"" + target.name() + "\")",
                  "the name is given by the manifest's key; or an operator is missing");
  return read_tree(target.val(), sql, prefix.size());
}

}  // namespace systole
