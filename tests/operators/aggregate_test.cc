#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operators/operator_harness.h"

namespace systole::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const operator_input visits{parse_schema("department text, delta int, cost numeric(10,2)"), false, {}};
const operator_input visit_changes{visits.columns, true, {"department"}};

constexpr const char* occupancy = R"node(aggregate {
  key_by { name: "department" value { sql: "department" } }
  calls { name: "agg0" function: "count" }
  calls { name: "agg1" function: "sum" argument { sql: "delta" } }
  fields { name: "department" value { sql: "department" } }
  fields { name: "visits" value { sql: "agg0" } }
  fields { name: "beds" value { sql: "agg1" } } })node";

proto::Node one_call(const std::string& function, const std::string& argument, const std::string& more = "") {
  return parse_node("aggregate { calls { name: \"agg0\" function: \"" + function + "\" argument { sql: \"" + argument + "\" } " + more + " } }");
}

TEST(aggregate, emits_insert_then_updates_of_a_group) {
  operator_harness harness(parse_node(occupancy), {visits});
  harness.push({"ICU|1|NULL", "MED|1|NULL", "ICU|1|NULL"});
  harness.push({"MED|-1|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I ICU|2|2", "+I MED|1|1", "-U MED|1|1", "+U MED|2|0"));
  EXPECT_EQ(harness.accounting().absorbed, 4u);
  harness.expect_balanced();
}

TEST(aggregate, emits_each_change_in_row_order_when_asked_to) {
  proto::Node node = parse_node(occupancy);
  node.mutable_aggregate()->set_emit_each_change(true);
  operator_harness harness(node, {visits});
  harness.push({"ICU|1|NULL", "MED|1|NULL", "ICU|1|NULL"});
  harness.push({"MED|-1|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I ICU|1|1", "+I MED|1|1", "-U ICU|1|1", "+U ICU|2|2", "-U MED|1|1", "+U MED|2|0"));
}

TEST(aggregate, leaves_out_update_before_where_nobody_needs_it) {
  for (const bool each : {false, true}) {
    proto::Node node = parse_node(occupancy);
    node.mutable_aggregate()->set_emit_each_change(each);
    node.set_omit_update_before(true);
    operator_harness harness(node, {visits});
    harness.push({"ICU|1|NULL"});
    harness.push({"ICU|1|NULL"});
    EXPECT_THAT(harness.rows(), ElementsAre("+I ICU|1|1", "+U ICU|2|2"));
  }
}

TEST(aggregate, does_not_emit_an_unchanged_result) {
  for (const bool each : {false, true}) {
    for (const bool omit : {false, true}) {
      proto::Node node = parse_node(R"node(aggregate {
        key_by { name: "department" value { sql: "department" } }
        calls { name: "agg0" function: "sum" argument { sql: "delta" } } })node");
      node.mutable_aggregate()->set_emit_each_change(each);
      node.set_omit_update_before(omit);
      operator_harness harness(node, {visits});
      harness.push({"ICU|1|NULL"});
      harness.push({"ICU|0|NULL"});
      harness.push({"ICU|NULL|NULL"});
      EXPECT_THAT(harness.rows(), ElementsAre("+I ICU|1"));
    }
  }
}

TEST(aggregate, does_not_emit_where_only_the_inputs_of_a_field_changed) {
  for (const bool each : {false, true}) {
    proto::Node node = parse_node(R"node(aggregate {
      calls { name: "agg0" function: "sum" argument { sql: "delta" } }
      fields { name: "many" value { sql: "agg0 > 10" } } })node");
    node.mutable_aggregate()->set_emit_each_change(each);
    node.set_omit_update_before(true);
    operator_harness harness(node, {visits});
    harness.push({"ICU|1|NULL"});
    harness.push({"ICU|5|NULL"});
    harness.push({"ICU|5|NULL"});
    EXPECT_THAT(harness.rows(), ElementsAre("+I false", "+U true"));
  }
}

TEST(aggregate, deletes_a_group_when_its_last_row_is_retracted) {
  for (const bool each : {false, true}) {
    proto::Node node = parse_node(occupancy);
    node.mutable_aggregate()->set_emit_each_change(each);
    operator_harness harness(node, {visit_changes});
    harness.push({"+I ICU|1|NULL"});
    harness.push({"-D ICU|1|NULL"});
    harness.push({"+I ICU|7|NULL"});
    EXPECT_THAT(harness.rows(), ElementsAre("+I ICU|1|1", "-D ICU|1|1", "+I ICU|1|7"));
    harness.expect_balanced();
  }
}

TEST(aggregate, takes_a_retraction_that_comes_before_its_row) {
  for (const bool each : {false, true}) {
    proto::Node node = parse_node(occupancy);
    node.mutable_aggregate()->set_emit_each_change(each);
    operator_harness harness(node, {visit_changes});
    harness.push({"-D ICU|5|NULL"});
    EXPECT_THAT(harness.rows(), IsEmpty());
    harness.push({"+I ICU|5|NULL"});
    EXPECT_THAT(harness.rows(), IsEmpty());
    harness.push({"+I ICU|2|NULL"});
    EXPECT_THAT(harness.rows(), ElementsAre("+I ICU|1|2"));
  }
}

TEST(aggregate, keeps_a_group_below_zero_across_barriers_and_forgets_one_at_zero) {
  operator_harness harness(one_call("sum", "cost::float8"), {visit_changes});
  harness.push({"-D a|1|0.10"});
  harness.barrier();
  harness.crash();
  harness.push({"+I a|1|0.10", "+I a|1|0.30", "+I b|1|0.20"});
  EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(Pair("0.5", 1)));
  harness.push({"-D a|1|0.30", "-D b|1|0.20"});
  harness.barrier();
  EXPECT_EQ(harness.saved_keys("groups", 64), 0u);
  harness.crash();
  harness.push({"+I a|1|0.30"});
  EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(Pair("0.3", 1)));
}

TEST(aggregate, puts_all_nulls_into_one_group) {
  operator_harness harness(parse_node(occupancy), {visits});
  harness.push({"NULL|1|NULL", "ICU|1|NULL", "NULL|2|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I NULL|2|3", "+I ICU|1|1"));
}

TEST(aggregate, retracts_the_key_as_it_was_given_though_equal_keys_look_different) {
  const operator_input prices{parse_schema("price numeric"), false, {}};
  operator_harness harness(parse_node(R"node(aggregate {
    key_by { name: "price" value { sql: "price" } } calls { name: "agg0" function: "count" } })node"), {prices});
  harness.push({"1.0", "1.00"});
  harness.push({"1.000"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I 1.0|2", "-U 1.0|2", "+U 1.0|3"));
}

TEST(aggregate, functions_follow_postgresql) {
  struct example { const char* function; const char* argument; std::vector<std::string> rows; const char* expected; };
  const example examples[] = {
      {"count", "delta", {"a|1|NULL", "a|NULL|NULL"}, "1"},
      {"count", "cost", {"a|1|NULL"}, "0"},
      {"sum", "delta", {"a|NULL|NULL"}, "NULL"},
      {"sum", "delta", {"a|2147483647|NULL", "a|2147483647|NULL"}, "4294967294"},
      {"sum", "delta::bigint * 4611686014132420609", {"a|1|NULL", "a|1|NULL", "a|1|NULL"}, "13835058042397261827"},
      {"sum", "cost", {"a|1|0.10", "a|1|0.20"}, "0.30"},
      {"sum", "cost::float8", {"a|1|0.10", "a|1|0.20"}, "0.3"},
      {"avg", "delta", {"a|1|NULL", "a|2|NULL", "a|NULL|NULL"}, "1.5000000000000000"},
      {"avg", "cost", {"a|1|1.00", "a|1|2.01"}, "1.5050000000000000"},
      {"avg", "delta::float8", {"a|1|NULL", "a|2|NULL"}, "1.5"},
      {"avg", "delta", {"a|NULL|NULL"}, "NULL"},
      {"min", "delta", {"a|3|NULL", "a|-1|NULL", "a|NULL|NULL"}, "-1"},
      {"max", "cost", {"a|1|3.10", "a|1|-1.00"}, "3.10"},
      {"max", "department", {"a|1|NULL", "a longer text|1|NULL", "B|1|NULL"}, "a longer text"},
      {"min", "department", {"NULL|1|NULL"}, "NULL"},
      {"max", "CASE delta WHEN 1 THEN 'NaN'::float8 ELSE delta END", {"a|1|NULL", "a|9|NULL"}, "nan"},
      {"bool_and", "delta > 1", {"a|2|NULL", "a|1|NULL", "a|NULL|NULL"}, "false"},
      {"bool_or", "delta > 1", {"a|2|NULL", "a|1|NULL"}, "true"},
      {"bool_and", "delta > 1", {"a|NULL|NULL"}, "NULL"},
      {"min", "date '2026-01-01' + delta", {"a|3|NULL", "a|1|NULL"}, "2026-01-02"},
      {"sum", "interval '1 day 2 hours'", {"a|3|NULL", "a|1|NULL"}, "2 days 04:00:00"},
      {"avg", "interval '1 day 2 hours'", {"a|3|NULL", "a|1|NULL"}, "1 day 02:00:00"},
  };
  for (const example& each : examples) {
    for (const bool changelog : {false, true}) {
      SCOPED_TRACE(std::string(each.function) + "(" + each.argument + ")" + (changelog ? " over a changelog" : ""));
      operator_harness harness(one_call(each.function, each.argument), {changelog ? visit_changes : visits});
      harness.push(each.rows);
      EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(Pair(each.expected, 1)));
    }
  }
}

TEST(aggregate, refuses_aggregates_that_do_not_exist) {
  manual_clock clock;
  step_accounting accounting;
  const operator_context context{.step = "totals", .time = &clock, .accounting = &accounting};
  const auto made = make_operator(one_call("sum", "department"), {visits}, context);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "step totals: there is no aggregate sum(TEXT)");
}

TEST(aggregate, filters_before_it_evaluates_the_argument) {
  operator_harness harness(one_call("sum", "10 / delta", "filter { sql: \"delta <> 0\" }"), {visits});
  harness.push({"a|0|NULL", "a|5|NULL", "a|NULL|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I 2"));
  EXPECT_THAT(harness.rejected(), IsEmpty());
}

TEST(aggregate, rejects_rows_whose_key_or_argument_fails) {
  operator_harness harness(parse_node(R"node(aggregate {
    key_by { name: "k" value { sql: "10 / delta" } }
    calls { name: "agg0" function: "sum" argument { sql: "department::int" } } })node"), {visits});
  harness.push({"1|5|NULL", "2|0|NULL", "x|5|NULL", "3|5|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I 2|4"));
  EXPECT_EQ(harness.accounting().rejected, 2u);
  EXPECT_EQ(harness.accounting().absorbed, 2u);
  harness.expect_balanced();
}

TEST(aggregate, distinct_counts_each_value_once_and_takes_it_back_with_the_last) {
  operator_harness harness(one_call("count", "delta", "distinct: true"), {visit_changes});
  harness.push({"+I a|1|NULL", "+I a|1|NULL", "+I a|2|NULL", "+I a|NULL|NULL"});
  harness.push({"-D a|1|NULL"});
  harness.push({"-D a|1|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I 2", "-U 2", "+U 1"));
}

TEST(aggregate, distinct_counts_equal_numbers_of_other_scale_once) {
  operator_harness harness(one_call("count", "price", "distinct: true"), {{parse_schema("price numeric"), false, {}}});
  harness.push({"1.0", "1.00", "2"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I 2"));
}

TEST(aggregate, finds_the_next_extreme_when_one_is_retracted) {
  for (const char* argument : {"delta", "delta::numeric / 10", "delta::text", "delta::float8"}) {
    operator_harness harness(parse_node(std::string("aggregate { calls { name: \"lo\" function: \"min\" argument { sql: \"") + argument +
                                        "\" } } calls { name: \"hi\" function: \"max\" argument { sql: \"" + argument +
                                        "\" } } calls { name: \"n\" function: \"count\" } "
                                        "fields { name: \"n\" value { sql: \"n\" } } "
                                        "fields { name: \"lo\" value { sql: \"lo = (" + std::string(argument).replace(0, 5, "1") + ")\" } } "
                                        "fields { name: \"hi\" value { sql: \"hi = (" + std::string(argument).replace(0, 5, "3") + ")\" } } }"),
                             {visit_changes});
    SCOPED_TRACE(argument);
    harness.push({"+I a|1|NULL", "+I a|3|NULL", "+I a|9|NULL", "+I a|0|NULL"});
    EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(Pair("4|false|false", 1)));
    harness.push({"-D a|9|NULL", "-D a|0|NULL"});
    EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(Pair("2|true|true", 1)));
    harness.barrier();
    harness.crash();
    harness.push({"-D a|3|NULL"});
    EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(Pair("1|true|false", 1)));
  }
}

TEST(aggregate, a_group_whose_field_fails_is_absent_until_it_is_well) {
  for (const bool each : {false, true}) {
    proto::Node node = parse_node(R"node(aggregate {
      calls { name: "agg0" function: "sum" argument { sql: "delta" } }
      fields { name: "share" value { sql: "12 / agg0" } } })node");
    node.mutable_aggregate()->set_emit_each_change(each);
    operator_harness harness(node, {visits});
    harness.push({"a|3|NULL"});
    harness.push({"a|-3|NULL"});
    harness.push({"a|2|NULL"});
    EXPECT_THAT(harness.rows(), ElementsAre("+I 4", "-D 4", "+I 6"));
    EXPECT_THAT(harness.rejected(), ElementsAre("result: division by zero [22012] <- 0"));
    EXPECT_EQ(harness.accounting().failed_results, 1u);
    harness.expect_balanced();
  }
}

TEST(aggregate, a_sum_out_of_range_is_a_failed_result) {
  operator_harness harness(one_call("sum", "n"), {{parse_schema("n numeric"), false, {}}});
  const std::string huge(38, '9');
  harness.push({huge});
  harness.push({huge});
  EXPECT_THAT(harness.rows(), ElementsAre("+I " + huge, "-D " + huge));
  EXPECT_THAT(harness.rejected().at(0), ::testing::HasSubstr("[22003]"));
}

proto::Node held_for_a_second() {
  proto::Node node = parse_node(occupancy);
  node.mutable_aggregate()->set_min_interval_us(1'000'000);
  return node;
}

TEST(aggregate_held, changes_a_group_at_most_once_in_the_interval) {
  operator_harness harness(held_for_a_second(), {visits});
  harness.push({"ICU|1|NULL"});
  harness.push({"ICU|1|NULL"});
  harness.push({"MED|1|NULL", "ICU|1|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I ICU|1|1"));
  harness.advance_clock(999'999);
  EXPECT_EQ(harness.rows().size(), 1u);
  harness.advance_clock(1);
  EXPECT_THAT(harness.rows(), UnorderedElementsAre("+I ICU|1|1", "-U ICU|1|1", "+U ICU|3|3", "+I MED|1|1"));
  harness.push({"ICU|1|NULL"});
  harness.end_all();
  EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(Pair("ICU|4|4", 1), Pair("MED|1|1", 1)));
}

TEST(aggregate_held, keeps_what_it_holds_back_across_a_crash) {
  for (const bool in_memory : {true, false}) {
    operator_harness harness(held_for_a_second(), {visit_changes}, {.in_memory = in_memory});
    harness.push({"+I ICU|1|NULL", "+I MED|1|NULL"});
    harness.push({"-D MED|1|NULL", "+I ICU|1|NULL", "+I NEW|1|NULL"});
    harness.barrier();
    EXPECT_EQ(harness.rows().size(), 2u) << "a barrier must not break the interval";
    harness.crash();
    harness.end_all();
    EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(Pair("ICU|2|2", 1), Pair("NEW|1|1", 1)));
  }
}

TEST(aggregate_held, stops_while_the_output_is_full) {
  operator_harness harness(held_for_a_second(), {visits}, {.batch_rows = 8, .credit_rows = 8});
  harness.push({"ICU|1|NULL"});
  for (int i = 0; i < 100; ++i) harness.push({"d" + std::to_string(i) + "|1|NULL"});
  harness.advance_clock(1'000'000);
  EXPECT_EQ(harness.rows().size(), 101u);
  EXPECT_LE(harness.largest_burst(), 8u);
}

proto::Node at_the_end() {
  proto::Node node = parse_node(occupancy);
  node.mutable_aggregate()->set_emit_final(true);
  return node;
}

TEST(aggregate_final, emits_each_group_once_at_the_end_as_append) {
  for (const bool in_memory : {true, false}) {
    operator_harness harness(at_the_end(), {visit_changes}, {.in_memory = in_memory, .batch_rows = 8, .credit_rows = 8});
    harness.push({"+I ICU|1|NULL", "+I MED|1|NULL"});
    harness.barrier();
    harness.crash();
    for (int i = 0; i < 50; ++i) harness.push({"+I d" + std::to_string(i) + "|2|NULL"});
    harness.push({"-D MED|1|NULL"});
    EXPECT_THAT(harness.rows(), IsEmpty());
    harness.end_all();
    EXPECT_EQ(harness.rows().size(), 51u);
    EXPECT_THAT(harness.rows(), ::testing::Contains("ICU|1|1"));
    EXPECT_THAT(harness.rows(), ::testing::Contains("d49|1|2"));
    EXPECT_LE(harness.largest_burst(), 8u);
  }
}

TEST(aggregate_final, does_not_emit_again_when_restored_from_the_final_epoch) {
  operator_harness harness(at_the_end(), {visits});
  harness.push({"ICU|1|NULL"});
  harness.end_all();
  harness.barrier();
  harness.crash();
  harness.watermark(watermark_end);
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|1|1"));
}

}  // namespace
}  // namespace systole::testing
