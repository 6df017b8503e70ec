#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "data/calendar.h"
#include "data/decimal.h"
#include "expr/expression.h"
#include "tests/operators/operator_harness.h"

namespace systole::testing {
namespace {

constexpr const char* kind_names[] = {"+I ", "-U ", "+U ", "-D "};

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(by);
    parts.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

[[noreturn]] void refuse(std::string_view what, std::string_view text) {
  std::fprintf(stderr, "the test's %.*s is wrong: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(text.size()), text.data());
  std::abort();
}


}  // namespace

std::string value_text(const column& values, size_t row) {
  if (values.is_null(row)) return "NULL";
  std::string text;
  switch (values.type().id) {
    case type_id::boolean: case type_id::null: return values.values<uint8_t>()[row] ? "true" : "false";
    case type_id::int32: return std::to_string(values.values<int32_t>()[row]);
    case type_id::int64: return std::to_string(values.values<int64_t>()[row]);
    case type_id::float64: {
      char digits[32];
      std::snprintf(digits, sizeof digits, "%.9g", values.values<double>()[row]);
      return digits;
    }
    case type_id::numeric: append_decimal(text, {values.values<int128>()[row], values.scale(row)}); return text;
    case type_id::text: case type_id::bytea: return std::string(values.text(row));
    case type_id::date: append_date(text, values.values<int32_t>()[row]); return text;
    case type_id::timestamptz: case type_id::timestamp:
      append_timestamp(text, values.values<int64_t>()[row], 'T');
      return text + "Z";
    case type_id::interval: append_interval(text, values.values<interval_value>()[row]); return text;
  }
  return text;
}

std::string row_text(const batch& rows, size_t row) {
  std::string text = rows.has(hidden::kind) ? kind_names[static_cast<size_t>(rows.kind(row))] : "";
  for (size_t i = 0; i < rows.columns().size(); ++i) {
    if (i != 0) text += "|";
    text += value_text(rows.at(i), row);
  }
  return text;
}

batch parse_row(const schema& columns, std::string_view text) { return parse_rows(columns, {std::string(text)}); }

batch parse_rows(const schema& columns, const std::vector<std::string>& lines, uint64_t first_offset,
                 std::string_view event_time) {
  std::vector<std::vector<column_ptr>> cells(columns.fields.size());
  column_builder positions(hidden_types[static_cast<size_t>(hidden::position)], lines.size());
  column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], lines.size());
  bool changelog = false;
  for (size_t line = 0; line < lines.size(); ++line) {
    std::string_view rest = trimmed(lines[line]);
    uint8_t kind = 0;
    for (uint8_t k = 0; k < 4; ++k) {
      if (!rest.starts_with(std::string_view(kind_names[k]).substr(0, 2))) continue;
      kind = k;
      changelog = true;
      rest = trimmed(rest.substr(2));
      break;
    }
    kinds.append(kind);
    positions.append<int128>(static_cast<int128>(row_position{.offset = first_offset + line}.pack()));
    const std::vector<std::string_view> values = split(rest, '|');
    if (values.size() != columns.fields.size()) refuse("row", lines[line]);
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i] == "NULL") {
        cells[i].push_back(null_column(columns.fields[i].type, 1));
        continue;
      }
      result<column_ptr> value = parse_constant(values[i], columns.fields[i].type);
      if (!value) refuse("row", lines[line]);
      cells[i].push_back(std::move(*value));
    }
  }
  std::vector<column_ptr> made;
  for (size_t i = 0; i < cells.size(); ++i)
    made.push_back(lines.empty() ? null_column(columns.fields[i].type, 0) : concatenate(cells[i]));
  batch rows(lines.size(), made);
  rows.set_hidden(hidden::position, positions.finish());
  if (changelog) rows.set_hidden(hidden::kind, kinds.finish());
  if (!event_time.empty()) {
    const int index = columns.find(event_time);
    if (index < 0) refuse("event time", event_time);
    rows.set_hidden(hidden::event_time, made[static_cast<size_t>(index)]);
  }
  return rows;
}

schema parse_schema(std::string_view text) {
  schema made;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth != 0)) continue;
    const std::string_view part = trimmed(text.substr(begin, i - begin));
    const size_t space = part.find(' ');
    if (space == std::string_view::npos) refuse("schema", text);
    result<data_type> type = parse_type(trimmed(part.substr(space)));
    if (!type) refuse("schema", text);
    made.fields.push_back({std::string(part.substr(0, space)), *type});
    begin = i + 1;
  }
  return made;
}

proto::Node parse_node(const std::string& text) {
  proto::Node node;
  if (!google::protobuf::TextFormat::ParseFromString(text, &node)) refuse("node", text);
  if (node.step().empty()) node.set_step("step");
  return node;
}

}  // namespace systole::testing
