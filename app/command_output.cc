#include "app/command_output.h"

#include <algorithm>
#include <cstdio>

#include "app/yaml_output.h"

namespace systole {

size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void add_output_flag(CLI::App& verb, std::string& into) {
  verb.add_option("-o,--output", into, "table, json, yaml or name")
      ->check(CLI::IsMember({"table", "json", "yaml", "name"}))
      ->capture_default_str();
}

std::string text_table::text() const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_)
    for (size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], width_of(row[at]));
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t at = 0; at < row.size(); ++at) line += row[at] + std::string(widths[at] - width_of(row[at]) + 3, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

void print_output(const std::string& format, const json_value& value, const std::function<std::string()>& table,
                  const std::function<std::string()>& names) {
  std::string told;
  if (format == "json") {
    json_text out;
    value.write(out);
    told = out.take() + "\n";
  } else {
    told = format == "yaml" ? yaml_text(value) : format == "name" ? names() : table();
  }
  std::fwrite(told.data(), 1, told.size(), stdout);
}

std::string member_text(const json_value& of, std::string_view name) {
  const json_value* found = of.find(name);
  if (!found || found->is_null()) return {};
  if (const std::string* text = found->text()) return *text;
  json_text out;
  found->write(out);
  return out.take();
}

const json_value::array& member_list(const json_value& of, std::string_view name) {
  static const json_value::array none;
  const json_value* found = of.find(name);
  return found && found->items() ? *found->items() : none;
}

}  // namespace systole
