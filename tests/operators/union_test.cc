#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operators/operator_harness.h"

namespace systole::testing {
namespace {

using ::testing::ElementsAre;

TEST(union_all, passes_the_rows_of_all_inputs) {
  const operator_input input{parse_schema("visit text, delta int"), false, {}};
  operator_harness harness(parse_node("union {}"), {input, input});
  harness.push({"a|1"}, 0);
  harness.push({"b|2", "c|3"}, 1);
  harness.end_all();
  EXPECT_THAT(harness.rows(), ElementsAre("a|1", "b|2", "c|3"));
  EXPECT_EQ(harness.accounting().out, 3u);
}

TEST(union_all, brings_columns_into_the_order_of_the_output) {
  operator_harness harness(parse_node("union {}"), {{parse_schema("visit text, delta int"), false, {}},
                                                    {parse_schema("delta int, visit text"), false, {}}});
  harness.push({"a|1"}, 0);
  harness.push({"2|b"}, 1);
  EXPECT_THAT(harness.rows(), ElementsAre("a|1", "b|2"));
}

TEST(union_all, makes_inserts_of_append_rows_when_the_other_input_is_a_changelog) {
  const schema columns = parse_schema("visit text");
  operator_harness harness(parse_node("union {} output_changelog: true"), {{columns, false, {}}, {columns, true, {"visit"}}});
  harness.push({"a"}, 0);
  harness.push({"+I b", "-D b"}, 1);
  EXPECT_THAT(harness.rows(), ElementsAre("+I a", "+I b", "-D b"));
}

TEST(union_all, refuses_inputs_of_other_types_by_name) {
  manual_clock clock;
  step_accounting accounting;
  const operator_context context{.step = "both", .time = &clock, .accounting = &accounting};
  const auto made = make_operator(parse_node("union {}"), {{parse_schema("delta int"), false, {}}, {parse_schema("delta text"), false, {}}}, context);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "step both: input 1 of the union has no column delta of type INT");
}

}  // namespace
}  // namespace systole::testing
