#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/batch.h"
#include "expr/expression.h"

namespace systole::test {

/// Rows of typed columns from texts as PostgreSQL reads them; "NULL" is null.
struct text_table {
  schema columns;
  std::vector<std::vector<std::string>> rows;
};
batch make_batch(const text_table& table);

/// One value as PostgreSQL's cast to text would show it; nothing for NULL.
std::optional<std::string> shown(const column& values, size_t row);

/// What an expression gave for one row.
struct outcome {
  std::string value;  ///< "NULL", "ERROR 22012", or the text in quotes
  std::string type;
  friend bool operator==(const outcome&, const outcome&) = default;
};
std::ostream& operator<<(std::ostream& out, const outcome& of);

/// Binds and evaluates over all rows of a table; a bind error gives its SQLSTATE for every row.
std::vector<outcome> evaluate(const std::string& sql, const text_table& table);
/// Without columns, one row.
outcome evaluate(const std::string& sql);

}  // namespace systole::test
