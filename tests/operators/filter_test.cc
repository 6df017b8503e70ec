#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operators/operator_harness.h"

namespace systole::testing::filter_tests {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

proto::Node filter_node(const std::string& sql) {
  proto::Node node;
  node.set_step("filter");
  node.mutable_filter()->mutable_predicate()->set_sql(sql);
  return node;
}

const operator_input visits{parse_schema("visit text, delta int"), false, {}};

TEST(filter, keeps_rows_whose_predicate_is_true_and_counts_the_others) {
  operator_harness harness(filter_node("delta > 1"), {visits});
  harness.push({"a|1", "b|2", "c|NULL", "d|3"});
  EXPECT_THAT(harness.rows(), ElementsAre("b|2", "d|3"));
  EXPECT_EQ(harness.accounting().filtered, 2u);
  EXPECT_EQ(harness.accounting().out, 2u);
  harness.expect_balanced();
}

TEST(filter, passes_a_batch_on_without_a_copy_when_all_rows_stay) {
  operator_harness harness(filter_node("delta > 0"), {visits});
  const batch rows = parse_rows(visits.columns, {"a|1", "b|2"});
  harness.push(rows);
  ASSERT_EQ(harness.batches().size(), 1u);
  EXPECT_EQ(harness.batches()[0].share(0), rows.share(0));
  EXPECT_EQ(harness.batches()[0].hidden_column(hidden::position), rows.hidden_column(hidden::position));
}

TEST(filter, sends_a_row_that_fails_to_the_dead_letter_and_goes_on) {
  operator_harness harness(filter_node("10 / delta > 3"), {visits});
  harness.push({"a|1", "b|0", "c|9"});
  EXPECT_THAT(harness.rows(), ElementsAre("a|1"));
  EXPECT_THAT(harness.rejected(), ElementsAre("expression: division by zero [22012] <- b|0"));
  EXPECT_EQ(harness.accounting().rejected, 1u);
  EXPECT_EQ(harness.accounting().filtered, 1u);
  harness.expect_balanced();
}

TEST(filter, judges_each_row_of_a_changelog_by_itself) {
  operator_harness harness(filter_node("delta > 1"), {{visits.columns, true, {"visit"}}});
  harness.push({"+I a|1", "-U a|1", "+U a|2", "-U a|2", "+U a|1"});
  EXPECT_THAT(harness.rows(), ElementsAre("+U a|2", "-U a|2"));
}

TEST(filter, only_counts_the_retraction_of_a_rejected_row) {
  operator_harness harness(filter_node("10 / delta > 3"), {{visits.columns, true, {"visit"}}});
  harness.push({"+I b|0", "-D b|0"});
  EXPECT_EQ(harness.rejected().size(), 1u);
  EXPECT_EQ(harness.accounting().rejected, 2u);
  EXPECT_EQ(harness.accounting().rejected_retractions, 1u);
  harness.expect_balanced();
}

TEST(filter, gives_no_batch_when_no_row_is_left) {
  operator_harness harness(filter_node("false"), {visits});
  harness.push({"a|1"});
  EXPECT_THAT(harness.batches(), IsEmpty());
}

TEST(filter, names_the_step_when_its_predicate_is_wrong) {
  manual_clock clock;
  step_accounting accounting;
  const operator_context context{.step = "moves", .time = &clock, .accounting = &accounting};
  const auto made = make_operator(filter_node("delta"), {visits}, context);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, ::testing::StartsWith("step moves: predicate"));
}

}  // namespace
}  // namespace systole::testing::filter_tests
