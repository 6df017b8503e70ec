#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operators/operator_harness.h"

namespace systole::testing::project_tests {
namespace {

using ::testing::ElementsAre;

const operator_input visits{parse_schema("visit text, hours int, at timestamptz"), false, {}};

TEST(project, computes_fields_and_keeps_hidden_columns) {
  operator_harness harness(parse_node(R"node(project {
    fields { name: "days" value { sql: "hours / 24" } }
    fields { name: "visit" value { sql: "upper(visit)" } } })node"), {visits});
  harness.push({"a|48|2026-01-01T00:00:00Z", "b|NULL|2026-01-02T00:00:00Z"}, 0, "at");
  EXPECT_THAT(harness.rows(), ElementsAre("2|A", "NULL|B"));
  const batch& made = harness.batches().at(0);
  EXPECT_EQ(made.event_time(1) - made.event_time(0), 86'400'000'000);
  EXPECT_LT(made.position(0), made.position(1));
  EXPECT_EQ(harness.accounting().out, 2u);
  harness.expect_balanced();
}

TEST(project, shares_bare_columns) {
  operator_harness harness(parse_node(R"node(project {
    fields { name: "a" value { sql: "hours" } } fields { name: "b" value { sql: "hours" } } })node"), {visits});
  const batch rows = parse_rows(visits.columns, {"a|48|2026-01-01T00:00:00Z"});
  harness.push(rows);
  EXPECT_EQ(harness.batches().at(0).share(0), rows.share(1));
  EXPECT_EQ(harness.batches().at(0).share(1), rows.share(1));
}

TEST(project, rejects_a_row_once_when_several_fields_fail) {
  operator_harness harness(parse_node(R"node(project {
    fields { name: "a" value { sql: "1 / hours" } }
    fields { name: "b" value { sql: "visit::int" } }
    fields { name: "c" value { sql: "visit" } } })node"), {visits});
  harness.push({"7|2|2026-01-01T00:00:00Z", "x|0|2026-01-01T00:00:00Z", "9|0|2026-01-01T00:00:00Z", "8|1|2026-01-01T00:00:00Z"});
  EXPECT_THAT(harness.rows(), ElementsAre("0|7|7", "1|8|8"));
  ASSERT_EQ(harness.rejected().size(), 2u);
  EXPECT_THAT(harness.rejected()[0], ::testing::StartsWith("expression: division by zero [22012] <- x|0"));
  EXPECT_EQ(harness.accounting().rejected, 2u);
  harness.expect_balanced();
}

TEST(project, gives_its_fields_the_types_of_the_plan) {
  operator_harness harness(parse_node(R"node(
    output { fields { name: "n" type { id: 5 precision: 10 scale: 2 } } }
    project { fields { name: "n" value { sql: "hours" } } })node"), {visits});
  harness.push({"a|3|2026-01-01T00:00:00Z"});
  EXPECT_THAT(harness.rows(), ElementsAre("3.00"));
}

TEST(project, keeps_the_kinds_of_a_changelog) {
  operator_harness harness(parse_node(R"node(project { fields { name: "visit" value { sql: "visit" } } })node"),
                           {{visits.columns, true, {"visit"}}});
  harness.push({"+I a|1|NULL", "-D a|1|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I a", "-D a"));
}

}  // namespace
}  // namespace systole::testing::project_tests
