#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "tests/expr/conformance_cases.h"

// Every recorded answer of PostgreSQL 15 is compared with ours: value, type and SQLSTATE.

namespace systole::test {
namespace {

/// Another folder where record_conformance lets us compare answers that it has just got.
const std::string folder = [] {
  const char* given = std::getenv("SYSTOLE_CONFORMANCE_CASES");
  return given ? std::string(given) : std::string(SYSTOLE_SOURCE_DIR "/tests/expr/conformance");
}();

std::vector<std::string> case_files() {
  std::vector<std::string> made;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".cases") made.push_back(entry.path().stem());
  std::sort(made.begin(), made.end());
  return made;
}

/// Doubles may differ in the last bit, where the mathematical library does.
bool agree(const outcome& ours, const outcome& theirs) {
  if (ours == theirs) return true;
  if (ours.type != "double precision" || theirs.type != ours.type) return false;
  double a = 0, b = 0;
  const auto read = [](const std::string& text, double& out) {
    return std::from_chars(text.data() + 1, text.data() + text.size() - 1, out).ec == std::errc();
  };
  return read(ours.value, a) && read(theirs.value, b) && std::fabs(a - b) <= 1e-15 * std::fabs(b);
}

/// The deviation that a case declares: outcomes, with " | " between them.
bool may_deviate(const conformance_case& each, const std::string& ours) {
  const std::string outcomes = " | " + each.deviation + " | ";
  return !each.deviation.empty() && outcomes.find(" | " + ours + " | ") != std::string::npos;
}

class conformance : public testing::TestWithParam<std::string> {};

TEST_P(conformance, answers_as_postgresql_does) {
  const conformance_file file = read_cases(folder + "/" + GetParam() + ".cases");
  const auto expected = read_expected(folder + "/" + GetParam() + ".expected", file);
  ASSERT_EQ(expected.size(), file.cases.size()) << "record again: tests/expr/record_conformance";
  for (size_t i = 0; i < file.cases.size(); ++i) {
    const conformance_case& each = file.cases[i];
    const text_table& table = file.tables[each.table];
    const std::vector<outcome> ours = evaluate(each.sql, table);
    ASSERT_EQ(ours.size(), expected[i].size());
    bool differs = false;
    for (size_t row = 0; row < ours.size(); ++row) {
      if (agree(ours[row], expected[i][row])) continue;
      differs = true;
      std::string cells;
      for (const std::string& cell : table.rows[row]) cells += cell + "|";
      if (!may_deviate(each, ours[row].value))
        ADD_FAILURE() << GetParam() << ".cases:" << each.line << ": " << each.sql << "\n  row " << cells << "\n  ours "
                      << ours[row] << "\n  PostgreSQL " << expected[i][row];
    }
    if (!each.deviation.empty()) {
      EXPECT_TRUE(differs) << GetParam() << ".cases:" << each.line << ": no longer deviates: " << each.sql;
    }
  }
}

TEST(conformance_cases, are_as_many_as_promised) {
  size_t pairs = 0;
  for (const std::string& name : case_files()) {
    const conformance_file file = read_cases(folder + "/" + name + ".cases");
    for (const conformance_case& each : file.cases) pairs += file.tables[each.table].rows.size();
  }
  EXPECT_GE(pairs, 1'500u);
}

INSTANTIATE_TEST_SUITE_P(postgresql, conformance, testing::ValuesIn(case_files()),
                         [](const auto& made) { return made.param; });

/// Rows one by one, in any selection and beside failing rows give what they give in the whole batch.
TEST_P(conformance, selections_give_the_same_rows) {
  const conformance_file file = read_cases(folder + "/" + GetParam() + ".cases");
  const manual_clock time(1'772'434'800'000'000);
  for (const conformance_case& each : file.cases) {
    const text_table& table = file.tables[each.table];
    const bind_result bound = bind_expression(each.sql, scope_of(table.columns));
    if (!bound.expression) continue;
    const batch input = make_batch(table);
    std::vector<row_error> all_errors;
    const column_ptr all = bound.expression->evaluate(input, {&time}, all_errors);
    for (const uint32_t step : {2u, 3u}) {
      std::vector<uint32_t> chosen;
      for (uint32_t row = step - 1; row < input.rows(); row += step) chosen.push_back(row);
      std::vector<row_error> errors;
      const column_ptr some = bound.expression->evaluate(input, {&time}, errors, &chosen);
      ASSERT_EQ(some->size(), input.rows());
      std::vector<uint32_t> failed, wanted;
      for (const row_error& error : errors) failed.push_back(error.row);
      for (const row_error& error : all_errors)
        if (std::find(chosen.begin(), chosen.end(), error.row) != chosen.end()) wanted.push_back(error.row);
      EXPECT_EQ(failed, wanted) << each.sql;
      for (const uint32_t row : chosen) EXPECT_EQ(shown(*some, row), shown(*all, row)) << each.sql << " row " << row;
    }
  }
}

}  // namespace
}  // namespace systole::test
