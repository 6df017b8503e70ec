#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "tests/expr/table_text.h"

// docs/expressions.md is evaluated: each line of a table that gives an expression and its result.

namespace systole::test {
namespace {

struct documented {
  size_t line;
  std::string expression;
  std::string result;
};

/// The code in the first two cells of a table's line: "| `upper('a')` | `A` | ... |"; a bar in it is written "\|".
std::vector<std::string> code_of(const std::string& line) {
  std::vector<std::string> made;
  for (size_t at = line.find("| `"); at != std::string::npos && made.size() < 2; at = line.find("| `", at)) {
    const size_t end = line.find("` |", at + 3);
    if (end == std::string::npos) break;
    std::string code = line.substr(at + 3, end - at - 3);
    for (size_t bar = code.find("\\|"); bar != std::string::npos; bar = code.find("\\|", bar + 1)) code.erase(bar, 1);
    made.push_back(std::move(code));
    at = end;
  }
  return made;
}

const char* const page_path = SYSTOLE_SOURCE_DIR "/docs/expressions.md";

std::string text_of_page() {
  std::ifstream in(page_path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<documented> examples() {
  std::ifstream in(page_path);
  std::vector<documented> made;
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number)
    if (const std::vector<std::string> code = code_of(line); code.size() == 2)
      made.push_back({number, code[0], code[1]});
  return made;
}

TEST(documentation, every_example_gives_what_it_says) {
  const std::vector<documented> all = examples();
  ASSERT_GT(all.size(), 100u);
  for (const documented& each : all) {
    const outcome got = evaluate(each.expression);
    const std::string wanted =
        each.result == "NULL" || each.result.starts_with("ERROR ") ? each.result : "'" + each.result + "'";
    EXPECT_EQ(got.value, wanted) << "docs/expressions.md:" << each.line << ": " << each.expression;
  }
}

TEST(documentation, every_function_has_an_example) {
  std::string code;
  for (const documented& each : examples()) code += each.expression + "\n";
  // They need a job's rows: told in the text.
  const std::set<std::string> of_jobs = {"param", "source_position", "avg", "bool_and", "bool_or",
                                         "count", "every",           "max", "min",      "sum"};
  const std::string page = text_of_page();
  for (const std::string& name : function_names())
    EXPECT_NE((of_jobs.contains(name) ? page : code).find(name + "("), std::string::npos)
        << name << " is not in docs/expressions.md";
}

}  // namespace
}  // namespace systole::test
