#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operators/event_script.h"

namespace systole::testing::table_join_tests {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const schema occupancy = parse_schema("department text, beds int");
const schema departments = parse_schema("department text, staffed int, name text");

struct table_options {
  bool left_outer = false;
  bool reject_missing = false;
  std::string residual;
  bool table_changes = false;
};

proto::Node table_node(const table_options& of = {}) {
  proto::Node node;
  node.set_step("live");
  proto::TableJoin& join = *node.mutable_table_join();
  join.set_stream_alias("o");
  join.set_table_alias("d");
  join.add_stream_keys()->set_sql("o.department");
  join.add_table_keys()->set_sql("d.department");
  join.set_left_outer(of.left_outer);
  join.set_reject_missing(of.reject_missing);
  join.mutable_residual()->set_sql(of.residual);
  join.set_table_changes(of.table_changes);
  for (const auto& [name, sql] : std::vector<std::pair<std::string, std::string>>{
           {"department", "o.department"}, {"ratio", "beds * 100 / d.staffed"}, {"name", "d.name"}}) {
    proto::NamedExpression& field = *join.add_fields();
    field.set_name(name);
    field.mutable_value()->set_sql(sql);
  }
  *node.mutable_output() = to_proto(parse_schema("department text, ratio int, name text"));
  return node;
}

std::vector<operator_input> inputs(bool changelog = false, bool table_changes = false) {
  return {{occupancy, changelog, {"department"}}, {departments, table_changes, {"department"}}};
}

void load(operator_harness& harness) {
  harness.push({"ICU|2|intensive care", "MED|1|old", "NULL|9|none"}, 1);
  harness.push({"MED|4|medicine", "EMP|0|empty"}, 1);
  harness.end(1);
}

TEST(table_join, lets_no_row_of_the_stream_in_before_the_table_is_loaded) {
  operator_harness harness(table_node(), inputs());
  EXPECT_TRUE(harness.op().blocks_input(0));
  EXPECT_FALSE(harness.op().blocks_input(1));
  load(harness);
  EXPECT_FALSE(harness.op().blocks_input(0));
}

TEST(table_join, a_table_that_changes_is_whole_when_its_input_is_idle_and_its_changes_hold_for_later_rows) {
  operator_harness harness(table_node({.table_changes = true}), inputs(false, true));
  harness.push({"+I ICU|2|intensive care", "+I MED|4|medicine"}, 1);
  EXPECT_TRUE(harness.op().blocks_input(0));
  ASSERT_TRUE(harness.op().on_idle(1));
  EXPECT_FALSE(harness.op().blocks_input(0));
  harness.push({"ICU|1", "MED|1"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|50|intensive care", "MED|25|medicine"));
  harness.clear_output();
  harness.push({"+U ICU|4|larger", "-D MED|4|medicine", "+I SUR|1|surgery"}, 1);
  harness.push({"ICU|1", "MED|1", "SUR|1"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|25|larger", "SUR|100|surgery"));
  harness.expect_balanced();
}

TEST(table_join, a_restored_table_that_changes_holds_until_it_has_come_again_whole) {
  operator_harness before(table_node({.table_changes = true}), inputs(false, true));
  before.push({"+I ICU|2|intensive care", "+I MED|4|medicine"}, 1);
  ASSERT_TRUE(before.op().on_idle(1));
  operator_harness harness(table_node({.table_changes = true}), inputs(false, true));
  ASSERT_TRUE(harness.op().restore(before.op().snapshot()));
  EXPECT_FALSE(harness.op().blocks_input(0));
  harness.push({"+I ICU|4|larger"}, 1);  // its new image, half given: MED is gone in it
  harness.push({"ICU|1", "MED|1"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|50|intensive care", "MED|25|medicine"));
  harness.clear_output();
  ASSERT_TRUE(harness.op().on_idle(1));
  harness.push({"ICU|1", "MED|1"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|25|larger"));
}

TEST(table_join, joins_with_the_last_row_of_each_key_and_filters_rows_without_one) {
  operator_harness harness(table_node(), inputs());
  load(harness);
  harness.push({"ICU|1", "MED|3", "SUR|1", "NULL|1"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|50|intensive care", "MED|75|medicine"));
  EXPECT_EQ(harness.accounting().in, 4u);
  EXPECT_EQ(harness.accounting().filtered, 2u);
  EXPECT_EQ(harness.accounting().out, 2u);
  harness.expect_balanced();
}

TEST(table_join, pads_rows_without_a_match_on_a_left_join) {
  operator_harness harness(table_node({.left_outer = true, .residual = "staffed > 2"}), inputs());
  load(harness);
  harness.push({"ICU|1", "MED|3", "SUR|1", "NULL|1"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|NULL|NULL", "MED|75|medicine", "SUR|NULL|NULL", "NULL|NULL|NULL"));
  harness.expect_balanced();
}

TEST(table_join, rejects_rows_without_a_match_where_it_is_told_to) {
  operator_harness harness(table_node({.reject_missing = true}), inputs(true));
  load(harness);
  harness.push({"+I SUR|1", "-U SUR|1", "+U ICU|2"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("+U ICU|100|intensive care"));
  EXPECT_THAT(harness.rejected(), ElementsAre("join_miss: the table has no row with this key <- +I SUR|1"));
  EXPECT_EQ(harness.accounting().rejected, 2u);
  EXPECT_EQ(harness.accounting().rejected_retractions, 1u);
  harness.expect_balanced();
}

TEST(table_join, retracts_exactly_what_it_emitted) {
  operator_harness harness(table_node({.left_outer = true}), inputs(true));
  load(harness);
  harness.push({"+I ICU|1", "+I SUR|1"}, 0);
  harness.push({"-U ICU|1", "+U ICU|2", "-D SUR|1"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("+I ICU|50|intensive care", "+I SUR|NULL|NULL", "-U ICU|50|intensive care",
                                          "+U ICU|100|intensive care", "-D SUR|NULL|NULL"));
}

TEST(table_join, rejects_rows_on_which_a_field_fails) {
  operator_harness harness(table_node(), inputs());
  load(harness);
  harness.push({"EMP|1", "ICU|2"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|100|intensive care"));
  EXPECT_EQ(harness.rejected().size(), 1u);
  EXPECT_EQ(harness.accounting().rejected, 1u);
  harness.expect_balanced();
}

TEST(table_join, takes_the_rows_that_are_left_of_a_changelog_table) {
  operator_harness harness(table_node(), inputs(false, true));
  // The retraction of ICU's old row comes after its new one; MED is gone.
  harness.push({"+I ICU|1|a", "+U ICU|2|b", "-U ICU|1|a", "+I MED|4|c", "-D MED|4|c"}, 1);
  harness.end(1);
  harness.push({"ICU|1", "MED|1"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|50|b"));
}

TEST(table_join, keeps_the_table_across_a_crash_while_it_is_loaded_and_later) {
  operator_harness harness(table_node(), inputs());
  harness.push({"ICU|1|a"}, 1);
  harness.barrier();
  harness.push({"MED|9|x"}, 1);
  harness.crash();
  EXPECT_TRUE(harness.op().blocks_input(0));
  harness.push({"ICU|2|b"}, 1);
  harness.end(1);
  harness.barrier();
  harness.push({"ICU|1"}, 0);
  harness.crash();
  EXPECT_FALSE(harness.op().blocks_input(0));
  harness.push({"ICU|1", "MED|1"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("ICU|50|b"));
}

TEST(table_join, refuses_a_snapshot_that_is_cut_short) {
  operator_harness harness(table_node(), inputs());
  harness.push({"ICU|1|a"}, 1);
  const std::string bytes = harness.op().snapshot();
  operator_harness other(table_node(), inputs());
  const result<void> restored = other.op().restore(std::string_view(bytes).substr(0, bytes.size() - 1));
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, error_code::corrupt);
}

TEST(table_join, agrees_with_a_map_on_random_input) {
  const uint64_t seed = seed_of(5);
  for (uint64_t round = 0; round < 3; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed + round));
    std::mt19937_64 random(seed + round);
    const auto draw = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
    const table_options of{.left_outer = round == 1, .reject_missing = round == 2, .residual = round == 0 ? "beds < 8" : ""};
    event_script script{table_node(of), inputs(), {"", ""}, {{"department"}, {}}, {}};
    std::map<std::string, int64_t> table;
    for (int i = 0; i < 60; ++i) {
      const std::string key = "d" + std::to_string(draw(20));
      table[key] = 1 + draw(9);
      script.row(key + "|" + std::to_string(table[key]) + "|n" + std::to_string(i % 3), 1);
      if (i % 25 == 0) script.barrier();
    }
    std::map<std::string, std::string> names;
    for (const event& each : script.events)
      if (each.what == event::kind::row) names[each.row.substr(0, each.row.find('|'))] = each.row.substr(each.row.rfind('|') + 1);
    script.end(1);
    std::map<std::string, int> live, rejected;
    for (int i = 0; i < 200; ++i) {
      const std::string key = "d" + std::to_string(draw(30));
      const int64_t beds = draw(10);
      script.row(key + "|" + std::to_string(beds), 0);
      const auto found = table.find(key);
      if (found != table.end() && (of.residual.empty() || beds < 8))
        ++live[key + "|" + std::to_string(beds * 100 / found->second) + "|" + names[key]];
      else if (of.left_outer) ++live[key + "|NULL|NULL"];
      else if (of.reject_missing) ++rejected["join_miss"];
      if (draw(30) == 0) script.barrier();
    }
    expect_in_all_runs(script, live, rejected);
  }
}

}  // namespace
}  // namespace systole::testing::table_join_tests
