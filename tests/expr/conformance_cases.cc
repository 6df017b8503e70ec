#include "tests/expr/conformance_cases.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace systole::test {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts{{}};
  for (const char c : text) {
    if (c == separator) parts.emplace_back();
    else parts.back() += c;
  }
  return parts;
}

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string unescaped(const std::string& cell) {
  std::string out;
  for (size_t i = 0; i < cell.size(); ++i) {
    if (cell[i] != '\\' || i + 1 == cell.size()) {
      out += cell[i];
      continue;
    }
    const char c = cell[++i];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'p' ? '|' : c;
  }
  return out;
}

/// varchar is TEXT here.
std::string as_ours(const std::string& type) { return type == "character varying" ? "text" : type; }

data_type type_named(const std::string& name) {
  result<data_type> type = parse_type(name);
  if (!type && name == "timestamp") return {type_id::timestamp};
  if (!type && name == "interval") return {type_id::interval};
  if (!type) throw std::runtime_error("unknown type " + name);
  return *type;
}

}  // namespace

conformance_file read_cases(const std::string& path) {
  conformance_file made;
  made.name = std::filesystem::path(path).stem();
  std::ifstream in(path);
  std::string line, deviation;
  for (size_t number = 1; std::getline(in, line); ++number) {
    if (trimmed(line).empty() || line[0] == '#') continue;
    if (line.starts_with("deviates ")) {
      deviation = trimmed(line.substr(9, line.find('#') - 9));
    } else if (line.starts_with("columns")) {
      made.tables.emplace_back();
      for (const std::string& each : split(line.substr(7), ';')) {
        const std::string declared = trimmed(each);
        if (declared.empty()) continue;
        const size_t blank = declared.find(' ');
        made.tables.back().columns.fields.push_back(
            {declared.substr(0, blank), type_named(declared.substr(blank + 1)), true});
      }
    } else if (line.starts_with("row")) {
      std::vector<std::string> cells;
      if (!made.tables.back().columns.fields.empty())
        for (const std::string& cell : split(line.substr(4), '|')) cells.push_back(unescaped(cell));
      made.tables.back().rows.push_back(std::move(cells));
    } else {
      made.cases.push_back({number, line, deviation, made.tables.size() - 1});
      deviation.clear();
    }
  }
  return made;
}

std::vector<std::vector<outcome>> read_expected(const std::string& path, const conformance_file& cases) {
  std::vector<std::vector<outcome>> made;
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("? ")) {
      if (made.size() >= cases.cases.size() || cases.cases[made.size()].sql != line.substr(2))
        throw std::runtime_error(path + " does not belong to its cases at: " + line);
      made.emplace_back();
      continue;
    }
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) made.back().push_back({line, ""});
    else made.back().push_back({unescaped(line.substr(0, tab)), as_ours(line.substr(tab + 1))});
  }
  return made;
}

}  // namespace systole::test
