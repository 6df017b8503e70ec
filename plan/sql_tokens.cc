#include "plan/sql_tokens.h"

#include <algorithm>

#include "base/ascii.h"

namespace systole {
namespace {

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool continues_name(char c) { return starts_name(c) || (c >= '0' && c <= '9') || c == '$'; }

/// The end of a string that starts with `quote` at `from`; backslashes escape in E'' strings.
size_t end_of_quoted(std::string_view sql, size_t from, char quote, bool backslashes) {
  for (size_t i = from + 1; i < sql.size(); ++i) {
    if (backslashes && sql[i] == '\\') ++i;
    else if (sql[i] == quote) {
      if (i + 1 < sql.size() && sql[i + 1] == quote) ++i;
      else return i + 1;
    }
  }
  return sql.size();
}

/// The end of a dollar-quoted string, or `from` where none starts.
size_t end_of_dollar_quoted(std::string_view sql, size_t from) {
  size_t tag_end = from + 1;
  while (tag_end < sql.size() && continues_name(sql[tag_end]) && sql[tag_end] != '$') ++tag_end;
  if (tag_end >= sql.size() || sql[tag_end] != '$') return from;
  std::string_view tag = sql.substr(from, tag_end + 1 - from);
  size_t close = sql.find(tag, tag_end + 1);
  return close == std::string_view::npos ? sql.size() : close + tag.size();
}

size_t end_of_comment(std::string_view sql, size_t from) {
  if (sql.substr(from, 2) == "--") return std::min(sql.find('\n', from), sql.size());
  size_t depth = 0;
  for (size_t i = from; i + 1 < sql.size(); ++i) {
    if (sql.substr(i, 2) == "/*") ++depth, ++i;
    else if (sql.substr(i, 2) == "*/" && (++i, --depth == 0)) return i + 1;
  }
  return sql.size();
}

}  // namespace

std::vector<sql_token> scan_sql(std::string_view sql) {
  std::vector<sql_token> tokens;
  for (size_t i = 0; i < sql.size();) {
    const char c = sql[i];
    size_t end = i + 1;
    sql_token::kind what = sql_token::kind::symbol;
    if (ascii::is_blank(c)) {
      ++i;
      continue;
    }
    if (sql.substr(i, 2) == "--" || sql.substr(i, 2) == "/*") {
      i = end_of_comment(sql, i);
      continue;
    }
    if (c == '\'') {
      what = sql_token::kind::literal;
      end = end_of_quoted(sql, i, '\'', false);
    } else if ((c == 'e' || c == 'E') && i + 1 < sql.size() && sql[i + 1] == '\'') {
      what = sql_token::kind::literal;
      end = end_of_quoted(sql, i + 1, '\'', true);
    } else if (c == '"') {
      what = sql_token::kind::quoted_name;
      end = end_of_quoted(sql, i, '"', false);
    } else if (c == '$' && end_of_dollar_quoted(sql, i) != i) {
      what = sql_token::kind::literal;
      end = end_of_dollar_quoted(sql, i);
    } else if (starts_name(c)) {
      what = sql_token::kind::word;
      while (end < sql.size() && continues_name(sql[end])) ++end;
    } else if ((c >= '0' && c <= '9') || (c == '.' && end < sql.size() && sql[end] >= '0' && sql[end] <= '9')) {
      what = sql_token::kind::literal;
      while (end < sql.size() && (continues_name(sql[end]) || sql[end] == '.')) ++end;
    }
    tokens.push_back({what, i, end - i});
    i = end;
  }
  return tokens;
}

std::string name_at(std::string_view sql, size_t offset) {
  for (const sql_token& token : scan_sql(sql)) {
    if (offset < token.offset || offset >= token.offset + token.length) continue;
    if (token.what == sql_token::kind::word) return ascii::lower(token.in(sql));
    if (token.what != sql_token::kind::quoted_name || token.length < 2) return {};
    std::string name;
    std::string_view inner = token.in(sql).substr(1, token.length - 2);
    for (size_t i = 0; i < inner.size(); ++i) {
      name.push_back(inner[i]);
      if (inner[i] == '"') ++i;
    }
    return name;
  }
  return {};
}

size_t find_name(std::string_view sql, std::string_view name) {
  for (const sql_token& token : scan_sql(sql))
    if ((token.what == sql_token::kind::word || token.what == sql_token::kind::quoted_name) &&
        name_at(sql, token.offset) == name)
      return token.offset;
  return std::string_view::npos;
}

order_parts split_order(std::string_view sql) {
  std::vector<sql_token> tokens = scan_sql(sql);
  auto word = [&](size_t from_end) {
    return tokens.size() > from_end && tokens[tokens.size() - 1 - from_end].what == sql_token::kind::word
               ? ascii::lower(tokens[tokens.size() - 1 - from_end].in(sql))
               : std::string();
  };
  order_parts parts;
  std::optional<bool> nulls_first;
  if (word(1) == "nulls" && (word(0) == "first" || word(0) == "last")) {
    nulls_first = word(0) == "first";
    tokens.resize(tokens.size() - 2);
  }
  if (word(0) == "desc" || word(0) == "asc") {
    parts.descending = word(0) == "desc";
    tokens.pop_back();
  }
  parts.nulls_first = nulls_first.value_or(parts.descending);
  const size_t end = tokens.empty() ? 0 : tokens.back().offset + tokens.back().length;
  parts.expression = sql.substr(0, end);
  return parts;
}

std::vector<sql_call> find_calls(std::string_view sql, const std::vector<std::string_view>& functions) {
  std::vector<sql_token> tokens = scan_sql(sql);
  auto is_symbol = [&](size_t i, char c) {
    return i < tokens.size() && tokens[i].what == sql_token::kind::symbol && sql[tokens[i].offset] == c;
  };
  std::vector<sql_call> calls;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i].what != sql_token::kind::word || !is_symbol(i + 1, '(')) continue;
    std::string name = ascii::lower(tokens[i].in(sql));
    if (std::find(functions.begin(), functions.end(), name) == functions.end()) continue;
    sql_call call;
    call.name = std::move(name);
    call.offset = tokens[i].offset;
    size_t depth = 0, first = i + 2, end = i + 1;
    auto add_argument = [&](size_t stop) {
      if (first >= stop) return;
      const size_t from = tokens[first].offset;
      call.arguments.emplace_back(from, tokens[stop - 1].offset + tokens[stop - 1].length - from);
    };
    for (; end < tokens.size(); ++end) {
      if (is_symbol(end, '(') || is_symbol(end, '[')) ++depth;
      else if ((is_symbol(end, ')') || is_symbol(end, ']')) && --depth == 0) break;
      else if (depth == 1 && is_symbol(end, ',')) {
        add_argument(end);
        first = end + 1;
      }
    }
    if (end == tokens.size()) break;  // unbalanced: the parser will say so
    call.star = end == i + 3 && is_symbol(i + 2, '*');
    if (!call.star) add_argument(end);
    call.distinct = first < end && ascii::lower(tokens[first].in(sql)) == "distinct";
    call.length = tokens[end].offset + 1 - call.offset;
    if (end + 1 < tokens.size() && tokens[end + 1].what == sql_token::kind::word) {
      std::string next = ascii::lower(tokens[end + 1].in(sql));
      call.has_over_or_filter = next == "over" || next == "filter";
    }
    calls.push_back(std::move(call));
    i = end;
  }
  return calls;
}

std::string window_calls_as_columns(std::string_view sql) {
  std::string made(sql);
  for (const sql_call& call : find_calls(sql, {"window_start", "window_end", "window_time"})) {
    if (!call.arguments.empty() || call.star) continue;
    for (size_t i = call.offset + call.name.size(); i < call.offset + call.length; ++i) made[i] = ' ';
  }
  // Calls within other calls of the same kind do not exist, but calls within aggregates and functions do.
  return made;
}

}  // namespace systole
