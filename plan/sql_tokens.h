#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace systole {

/// A token of SQL text, enough to find calls and words without parsing: strings, quoted names and comments are skipped
/// as PostgreSQL's scanner does.
struct sql_token {
  enum class kind { word, quoted_name, literal, symbol };
  kind what = kind::symbol;
  size_t offset = 0;
  size_t length = 0;
  std::string_view in(std::string_view sql) const { return sql.substr(offset, length); }
};
std::vector<sql_token> scan_sql(std::string_view sql);

/// The name at `offset` (quotes removed, lower case where unquoted), or empty.
std::string name_at(std::string_view sql, size_t offset);
/// The first place where a word or quoted name stands for `name`, or npos.
size_t find_name(std::string_view sql, std::string_view name);

/// `x DESC NULLS LAST` in parts.
struct order_parts {
  std::string_view expression;
  bool descending = false;
  bool nulls_first = false;
};
order_parts split_order(std::string_view sql);

/// A call `name(arguments)` of one of `functions`, not within another.
struct sql_call {
  std::string name;                          ///< lower case
  size_t offset = 0;
  size_t length = 0;
  std::vector<std::pair<size_t, size_t>> arguments;  ///< offset and length, blanks trimmed
  bool star = false;                         ///< count(*)
  bool distinct = false;
  bool has_over_or_filter = false;           ///< OVER or FILTER follows
};
std::vector<sql_call> find_calls(std::string_view sql, const std::vector<std::string_view>& functions);

/// Blanks the parentheses of `window_start()` and its like, so that they read as columns; offsets stay.
std::string window_calls_as_columns(std::string_view sql);

}  // namespace systole
