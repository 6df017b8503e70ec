#include "tests/expr/table_text.h"

#include <ostream>

#include "expr/text/text_output.h"
#include "expr/types.h"

namespace systole::test {

batch make_batch(const text_table& table) {
  std::vector<column_ptr> columns;
  for (size_t c = 0; c < table.columns.fields.size(); ++c) {
    const data_type type = table.columns.fields[c].type;
    std::vector<column_ptr> cells;
    for (const auto& row : table.rows) {
      if (row[c] == "NULL") {
        cells.push_back(null_column(type, 1));
        continue;
      }
      result<column_ptr> cell = parse_constant(row[c], type);
      if (!cell)
        throw std::runtime_error("bad cell " + row[c] + " of " + table.columns.fields[c].name + ": " +
                                 cell.error().message);
      cells.push_back(*cell);
    }
    columns.push_back(concatenate(cells));
  }
  return batch(table.rows.size(), std::move(columns));
}

std::optional<std::string> shown(const column& values, size_t row) {
  if (values.is_null(row)) return std::nullopt;
  std::string out;
  switch (values.type().id) {
    case type_id::boolean: append_text(out, values.values<uint8_t>()[row] != 0); break;
    case type_id::int32: append_text(out, values.values<int32_t>()[row]); break;
    case type_id::int64: append_text(out, values.values<int64_t>()[row]); break;
    case type_id::float64: append_text(out, values.values<double>()[row]); break;
    case type_id::numeric: append_text(out, decimal{values.values<int128>()[row], values.scale(row)}); break;
    case type_id::text: out = values.text(row); break;
    case type_id::bytea: append_bytea_text(out, values.text(row)); break;
    case type_id::date: append_date_text(out, values.values<int32_t>()[row]); break;
    case type_id::timestamptz: append_timestamptz_text(out, values.values<int64_t>()[row]); break;
    case type_id::timestamp: append_timestamp_text(out, values.values<int64_t>()[row]); break;
    case type_id::interval: append_interval_text(out, values.values<interval_value>()[row]); break;
    case type_id::null: return std::nullopt;
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const outcome& of) { return out << of.value << " :: " << of.type; }

std::vector<outcome> evaluate(const std::string& sql, const text_table& table) {
  static const manual_clock time(1'772'434'800'000'000);  // 2026-03-02T07:00:00Z
  const expression_scope scope = scope_of(table.columns);
  const bind_result bound = bind_expression(sql, scope);
  if (!bound.expression) return std::vector<outcome>(table.rows.size(), {"ERROR " + bound.errors.at(0).sqlstate, ""});
  std::vector<row_error> errors;
  const column_ptr values = bound.expression->evaluate(make_batch(table), {&time}, errors);
  std::vector<outcome> made;
  size_t next = 0;
  for (size_t row = 0; row < table.rows.size(); ++row) {
    if (next < errors.size() && errors[next].row == row) {
      made.push_back({"ERROR " + errors[next++].sqlstate, ""});
      continue;
    }
    const std::optional<std::string> text = shown(*values, row);
    made.push_back({text ? "'" + *text + "'" : "NULL", sql_name(bound.expression->type().id)});
  }
  return made;
}

outcome evaluate(const std::string& sql) { return evaluate(sql, {{}, {{}}})[0]; }

}  // namespace systole::test
