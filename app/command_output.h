#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "formats/json_value.h"

namespace systole {

/// The flag -o of verbs that show what the cluster says: table, json, yaml or name.
void add_output_flag(CLI::App& verb, std::string& into);

/// Characters of a text, not bytes.
size_t width_of(const std::string& text);

/// Rows under headings, in columns as wide as their widest cell.
class text_table {
 public:
  explicit text_table(std::vector<std::string> headings) : rows_{std::move(headings)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Prints a value to stdout: as JSON or YAML whole, as a table or as names by what the functions make of it.
void print_output(const std::string& format, const json_value& value, const std::function<std::string()>& table,
                  const std::function<std::string()>& names);

// Members for tables: "" where there is none or it is null.
std::string member_text(const json_value& of, std::string_view name);
/// Of a list under that name; an empty one where there is none.
const json_value::array& member_list(const json_value& of, std::string_view name);

}  // namespace systole
