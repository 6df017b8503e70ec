#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/operators/scenario.h"

namespace systole::testing {
namespace {

/// Reads line by line and knows where it is.
class lines {
 public:
  explicit lines(const std::string& path) : path_(path), file_(path) {
    if (!file_) die("cannot be read");
  }
  /// The next line without comment and outer blanks; empty lines are left out.
  bool next(std::string& line) {
    while (std::getline(file_, line)) {
      ++number_;
      if (const size_t comment = line.find('#'); comment != std::string::npos) line.resize(comment);
      const size_t begin = line.find_first_not_of(" \t\r");
      if (begin == std::string::npos) continue;
      line = line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
      return true;
    }
    return false;
  }
  [[noreturn]] void die(const std::string& why) const {
    std::fprintf(stderr, "%s:%zu: %s\n", path_.c_str(), number_, why.c_str());
    std::abort();
  }

 private:
  std::string path_;
  std::ifstream file_;
  size_t number_ = 0;
};

/// "v1 | 3" as row_text writes it: "v1|3".
std::string without_blanks_around_bars(const std::string& line) {
  std::string made;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ' ') {
      size_t next = line.find_first_not_of(' ', i);
      if (next != std::string::npos && line[next] == '|') {
        i = next - 1;
        continue;
      }
    }
    made.push_back(line[i]);
    if (line[i] == '|')
      while (i + 1 < line.size() && line[i + 1] == ' ') ++i;
  }
  return made;
}

scenario::input parse_input(const std::string& line, const lines& at) {
  const size_t colon = line.find(':');
  if (colon == std::string::npos) at.die("an input has no columns");
  scenario::input made;
  made.columns = parse_schema(line.substr(colon + 1));
  std::istringstream words(line.substr(0, colon));
  std::string word;
  words >> word >> made.name >> word;
  if (word != "append" && word != "changelog") at.die("an input is append or changelog");
  made.changelog = word == "changelog";
  while (words >> word) {
    if (word == "all") {
      made.to_all = true;
      continue;
    }
    std::string value;
    words >> value;
    if (word == "time") made.time = value;
    else if (word != "key") at.die("unknown word " + word);
    else
      for (std::istringstream columns(value); std::getline(columns, value, ',');) made.key.push_back(value);
  }
  return made;
}

scenario::action parse_action(const scenario& of, const std::string& line, uint64_t number, const lines& at) {
  const auto input_named = [&](const std::string& name) {
    for (uint32_t i = 0; i < of.inputs.size(); ++i)
      if (of.inputs[i].name == name) return i;
    at.die("unknown input " + name);
  };
  const size_t blank = line.find(' ');
  const std::string first = line.substr(0, blank), rest = blank == std::string::npos ? "" : line.substr(blank + 1);
  if (line == "barrier") return {scenario::action_kind::barrier};
  if (first == "watermark") return {scenario::action_kind::watermark, 0, rest};
  if (first == "clock") return {scenario::action_kind::clock, 0, {}, std::stoull(rest)};
  if (first == "end") return {scenario::action_kind::end, input_named(rest)};
  const size_t colon = line.find(':');
  if (colon == std::string::npos) at.die("neither a row nor a command");
  return {scenario::action_kind::row, input_named(line.substr(0, colon)), line.substr(colon + 1), number};
}

}  // namespace

scenario read_scenario(const std::string& path) {
  lines in(path);
  scenario made;
  made.name = path.substr(path.rfind('/') + 1);
  std::string line, node;
  if (!in.next(line) || line != "node") in.die("a scenario begins with its node");
  while (in.next(line) && line != "end") node += line + "\n";
  made.node = parse_node(node);
  while (in.next(line) && line != "run") made.inputs.push_back(parse_input(line, in));
  uint64_t number = 0;
  while (in.next(line) && !line.starts_with("expect ")) made.actions.push_back(parse_action(made, line, number++, in));
  if (line != "expect append" && line != "expect changelog") in.die("expect append or changelog");
  made.changelog = line == "expect changelog";
  std::map<std::string, int>* into = &made.rows;
  while (in.next(line)) {
    if (line == "rejected") {
      into = &made.rejected;
    } else if (line.starts_with("accounting ")) {
      std::istringstream words(line.substr(11));
      for (std::string name; words >> name;) words >> made.accounting[name];
    } else {
      ++(*into)[without_blanks_around_bars(line)];
    }
  }
  return made;
}

}  // namespace systole::testing
