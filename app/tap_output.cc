#include "app/tap_output.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "app/command_output.h"

namespace systole {
namespace {

std::string line_of(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string made;
  for (size_t at = 0; at < cells.size(); ++at) {
    const size_t width = at < widths.size() ? widths[at] : 0;
    made += cells[at] + std::string(width - std::min(width, width_of(cells[at])) + 3, ' ');
  }
  made.erase(made.find_last_not_of(' ') + 1);
  return made + "\n";
}

}  // namespace

bool tap_output::write(std::string_view json) {
  const std::string line = table_ ? table_line(json) : std::string(json) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  return std::fflush(stdout) == 0;
}

std::string tap_output::table_line(std::string_view json) {
  const auto whole = json_value::parse(json);
  const json_value* const row = whole ? whole->find("row") : nullptr;
  if (!row || !row->members()) return std::string(json) + "\n";
  std::vector<std::string> names{"KIND", "EVENT TIME"},
      cells{member_text(*whole, "kind"), member_text(*whole, "eventTime")};
  for (const auto& [name, value] : *row->members()) {
    names.push_back(name);
    cells.push_back(member_text(*row, name));
  }
  if (!widths_.empty()) return line_of(cells, widths_);
  for (size_t at = 0; at < cells.size(); ++at) widths_.push_back(std::max(width_of(names[at]), width_of(cells[at])));
  return line_of(names, widths_) + line_of(cells, widths_);
}

}  // namespace systole
