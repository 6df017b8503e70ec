#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operators/operator_harness.h"

namespace systole::testing::expand_tests {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const operator_input events{parse_schema("type text, to_department text, from_department text"), false, {}};

constexpr const char* bed_changes = R"node(expand {
  branches { when { sql: "type IN ('A01', 'A02')" }
             fields { name: "department" value { sql: "to_department" } } fields { name: "delta" value { sql: "1" } } }
  branches { when { sql: "type = 'A03'" }
             fields { name: "department" value { sql: "to_department" } } fields { name: "delta" value { sql: "-1" } } }
  branches { when { sql: "type = 'A02'" }
             fields { name: "department" value { sql: "from_department" } } fields { name: "delta" value { sql: "-1" } } } })node";

TEST(expand, gives_one_row_per_matching_branch_in_row_order) {
  operator_harness harness(parse_node(bed_changes), {events});
  harness.push({"A01|ICU|NULL", "A02|MED|ICU", "A08|MED|NULL", "A03|MED|NULL", "NULL|MED|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|1", "MED|1", "ICU|-1", "MED|-1"));
  EXPECT_EQ(harness.accounting().matched, 3u);
  EXPECT_EQ(harness.accounting().unmatched, 2u);
  harness.expect_balanced();
}

TEST(expand, numbers_the_rows_of_one_source_row) {
  operator_harness harness(parse_node(bed_changes), {events});
  harness.push({"A02|MED|ICU"});
  const batch& made = harness.batches().at(0);
  const row_position first = row_position::unpack(made.position(0)), second = row_position::unpack(made.position(1));
  EXPECT_EQ(first.offset, second.offset);
  EXPECT_EQ(first.branch, 0);
  EXPECT_EQ(second.branch, 2);
}

TEST(expand, rejects_a_row_with_all_its_branches_when_one_fails) {
  operator_harness harness(parse_node(R"node(expand {
    branches { fields { name: "n" value { sql: "1" } } }
    branches { when { sql: "type <> ''" } fields { name: "n" value { sql: "type::int" } } } })node"), {events});
  harness.push({"5|a|b", "x|a|b", "|a|b"});
  EXPECT_THAT(harness.rows(), ElementsAre("1", "5", "1"));
  EXPECT_EQ(harness.rejected().size(), 1u);
  EXPECT_EQ(harness.accounting().matched, 2u);
  EXPECT_EQ(harness.accounting().rejected, 1u);
  harness.expect_balanced();
}

TEST(expand, evaluates_a_branch_only_where_it_matches) {
  operator_harness harness(parse_node(R"node(expand {
    branches { when { sql: "type = '7'" } fields { name: "n" value { sql: "type::int" } } } })node"), {events});
  harness.push({"x|a|b", "7|a|b"});
  EXPECT_THAT(harness.rows(), ElementsAre("7"));
  EXPECT_THAT(harness.rejected(), IsEmpty());
}

proto::Node series_node(const std::string& from, const std::string& to, const std::string& step, const std::string& field = "v") {
  proto::Node node = parse_node("expand {}");
  proto::Expand& expand = *node.mutable_expand();
  expand.mutable_series_from()->set_sql(from);
  expand.mutable_series_to()->set_sql(to);
  if (!step.empty()) expand.mutable_series_step()->set_sql(step);
  expand.set_series_column("v");
  proto::NamedExpression* added = expand.add_series_fields();
  added->set_name("v");
  added->mutable_value()->set_sql(field);
  return node;
}

const operator_input ranges{parse_schema("low int, high int"), false, {}};

TEST(expand, gives_one_row_per_value_of_a_series) {
  operator_harness harness(series_node("low", "high", ""), {ranges});
  harness.push({"1|3", "5|4", "NULL|2", "7|7"});
  EXPECT_THAT(harness.rows(), ElementsAre("1", "2", "3", "7"));
  EXPECT_EQ(harness.accounting().matched, 2u);
  EXPECT_EQ(harness.accounting().unmatched, 2u);
  harness.expect_balanced();
}

TEST(expand, counts_down_and_stops_at_the_end_of_the_type) {
  operator_harness down(series_node("high", "low", "-2"), {ranges});
  down.push({"1|6"});
  EXPECT_THAT(down.rows(), ElementsAre("6", "4", "2"));
  operator_harness up(series_node("low", "high", "2"), {ranges});
  up.push({"2147483644|2147483647"});
  EXPECT_THAT(up.rows(), ElementsAre("2147483644", "2147483646"));
}

TEST(expand, refuses_a_step_of_zero_row_by_row) {
  operator_harness harness(series_node("low", "high", "high - 2"), {ranges});
  harness.push({"1|2", "3|5"});
  EXPECT_THAT(harness.rows(), ElementsAre("3"));
  EXPECT_THAT(harness.rejected(), ElementsAre("expression: the step of a series cannot be zero [22023] <- 1|2"));
  harness.expect_balanced();
}

TEST(expand, steps_through_dates_and_times) {
  const operator_input dates{parse_schema("first date, last date, at timestamptz"), false, {}};
  operator_harness days(series_node("first", "last", ""), {dates});
  days.push({"2024-02-28|2024-03-01|NULL"});
  EXPECT_THAT(days.rows(), ElementsAre("2024-02-28", "2024-02-29", "2024-03-01"));
  operator_harness months(series_node("at", "at + interval '2 months'", "interval '1 month'"), {dates});
  months.push({"NULL|NULL|2026-01-31T08:00:00Z"});
  EXPECT_THAT(months.rows(), ElementsAre("2026-01-31T08:00:00Z", "2026-02-28T08:00:00Z", "2026-03-28T08:00:00Z"));
}

TEST(expand, stops_a_long_series_while_the_output_is_full) {
  operator_harness harness(series_node("low", "high", ""), {ranges}, {.batch_rows = 10, .credit_rows = 10});
  harness.push({"1|95", "1|2"});
  EXPECT_EQ(harness.rows().size(), 97u);
  EXPECT_LE(harness.largest_burst(), 10u);
  EXPECT_EQ(harness.rows().back(), "2");
  harness.expect_balanced();
}

TEST(expand, loses_only_the_value_on_which_a_field_fails) {
  operator_harness harness(series_node("low", "high", "", "12 / (v - 2)"), {ranges});
  harness.push({"1|4"});
  EXPECT_THAT(harness.rows(), ElementsAre("-12", "12", "6"));
  EXPECT_EQ(harness.rejected().size(), 1u);
  EXPECT_EQ(harness.accounting().failed_results, 1u);
  harness.expect_balanced();
}

}  // namespace
}  // namespace systole::testing::expand_tests
