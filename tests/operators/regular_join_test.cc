#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operators/event_script.h"

namespace systole::testing::regular_join_tests {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const schema visit_columns = parse_schema("visit text, ward text, at timestamptz");
const schema bill_columns = parse_schema("visit text, amount int, at timestamptz");

struct join_options {
  bool left_outer = false;
  std::string residual;
  int64_t ttl = 0;
};

proto::Node join_node(const join_options& of = {}) {
  proto::Node node;
  node.set_step("billed");
  proto::RegularJoin& join = *node.mutable_regular_join();
  join.set_left_alias("v");
  join.set_right_alias("b");
  join.add_left_keys()->set_sql("v.visit");
  join.add_right_keys()->set_sql("b.visit");
  join.set_left_outer(of.left_outer);
  join.mutable_residual()->set_sql(of.residual);
  join.set_ttl_us(of.ttl);
  for (const auto& [name, sql] : std::vector<std::pair<std::string, std::string>>{
           {"visit", "v.visit"}, {"ward", "ward"}, {"amount", "amount"}}) {
    proto::NamedExpression& field = *join.add_fields();
    field.set_name(name);
    field.mutable_value()->set_sql(sql);
  }
  *node.mutable_output() = to_proto(parse_schema("visit text, ward text, amount int"));
  return node;
}

std::vector<operator_input> inputs(bool left_changes, bool right_changes) {
  return {{visit_columns, left_changes, {}}, {bill_columns, right_changes, {}}};
}

TEST(regular_join, of_two_append_streams_is_append_and_multiplies_duplicates) {
  operator_harness harness(join_node(), inputs(false, false));
  harness.push({"v1|ICU|NULL", "v1|ICU|NULL", "NULL|MED|NULL"}, 0);
  harness.push({"v1|7|NULL", "v2|8|NULL", "NULL|9|NULL"}, 1);
  harness.push({"v2|SUR|NULL"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("v1|ICU|7", "v1|ICU|7", "v2|SUR|8"));
  harness.end_all();
  EXPECT_EQ(harness.accounting().absorbed, 7u);
}

TEST(regular_join, keeps_the_event_times_of_equal_rows_apart_and_gives_the_larger_of_two) {
  operator_harness harness(join_node(), inputs(false, false));
  harness.push({"v1|ICU|" + time_text(5), "v1|ICU|" + time_text(20)}, 0, "at");
  harness.push({"v1|7|" + time_text(10)}, 1, "at");
  ASSERT_EQ(harness.rows().size(), 2u);
  const batch& rows = harness.batches()[0];
  EXPECT_THAT((std::vector{rows.event_time(0), rows.event_time(1)}), UnorderedElementsAre(time_of(10), time_of(20)));
}

TEST(regular_join, retracts_the_padded_row_when_the_first_match_comes_and_gives_it_again_after_the_last) {
  operator_harness harness(join_node({.left_outer = true}), inputs(true, true));
  harness.push({"+I v1|ICU|NULL", "+I NULL|MED|NULL"}, 0);
  harness.push({"+I v1|7|NULL"}, 1);
  harness.push({"-U v1|7|NULL", "+U v1|8|NULL"}, 1);
  harness.push({"-D v1|ICU|NULL"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("+I v1|ICU|NULL", "+I NULL|MED|NULL", "-D v1|ICU|NULL", "+I v1|ICU|7", "-D v1|ICU|7",
                                          "+I v1|ICU|NULL", "-D v1|ICU|NULL", "+I v1|ICU|8", "-D v1|ICU|8"));
  EXPECT_THAT(harness.consolidated(), ElementsAre(std::pair<const std::string, int>("NULL|MED|NULL", 1)));
}

TEST(regular_join, counts_a_match_only_where_the_residual_is_true) {
  operator_harness harness(join_node({.left_outer = true, .residual = "amount > 10"}), inputs(false, false));
  harness.push({"v1|ICU|NULL"}, 0);
  harness.push({"v1|5|NULL", "v1|20|NULL", "v1|30|NULL"}, 1);
  EXPECT_THAT(harness.rows(), ElementsAre("+I v1|ICU|NULL", "-D v1|ICU|NULL", "+I v1|ICU|20", "+I v1|ICU|30"));
  harness.push({"v1|MED|NULL"}, 0);
  EXPECT_THAT(harness.rows().size(), 6u);
}

TEST(regular_join, tells_pairs_on_which_the_residual_fails) {
  operator_harness harness(join_node({.residual = "10 / amount > 1"}), inputs(true, false));
  harness.push({"v1|0|NULL", "v1|2|NULL"}, 1);
  harness.push({"+I v1|ICU|NULL", "-D v1|ICU|NULL"}, 0);
  EXPECT_THAT(harness.rows(), ElementsAre("+I v1|ICU|2", "-D v1|ICU|2"));
  EXPECT_EQ(harness.rejected().size(), 1u);
  EXPECT_EQ(harness.accounting().failed_results, 2u);
  harness.end_all();
}

TEST(regular_join, bears_a_retraction_that_comes_before_its_row) {
  operator_harness harness(join_node({.left_outer = true}), inputs(true, true));
  harness.push({"-D v1|7|NULL"}, 1);
  harness.push({"+I v1|ICU|NULL"}, 0);
  harness.push({"+I v1|7|NULL"}, 1);
  EXPECT_THAT(harness.consolidated(), ElementsAre(std::pair<const std::string, int>("v1|ICU|NULL", 1)));
}

TEST(regular_join, forgets_rows_after_their_time_to_live) {
  operator_harness harness(join_node({.ttl = 100}), inputs(false, false));
  harness.push({"v1|ICU|" + time_text(0), "v2|MED|" + time_text(50)}, 0, "at");
  harness.push({"v1|1|" + time_text(99), "v1|2|" + time_text(100), "v2|3|" + time_text(149)}, 1, "at");
  EXPECT_THAT(harness.rows(), UnorderedElementsAre("v1|ICU|1", "v2|MED|3"));
  uint64_t peak = 0;
  for (int64_t at = 1000; at < 200'000; at += 100) {
    std::vector<std::string> rows;
    for (int i = 0; i < 20; ++i) rows.push_back("w" + std::to_string(at + i) + "|ICU|" + time_text(at));
    harness.push(rows, 0, "at");
    harness.watermark(time_of(at));
    if (at < 100'000) peak = std::max(peak, harness.state().memory_bytes());
  }
  EXPECT_LE(harness.state().memory_bytes(), peak + peak / 2);
}

TEST(regular_join, goes_on_where_it_stopped_when_one_row_matches_many) {
  operator_harness harness(join_node({.left_outer = true}), inputs(false, false), {.batch_rows = 16, .credit_rows = 16});
  for (int i = 0; i < 500; ++i) harness.push({"v|" + std::to_string(i) + "|NULL"}, 1);
  harness.push({"v|ICU|NULL", "w|MED|NULL", "v|SUR|NULL"}, 0);
  EXPECT_EQ(harness.rows().size(), 1001u);
  EXPECT_EQ(harness.consolidated().size(), 1001u);
  EXPECT_LE(harness.largest_burst(), 64u);
}

/// Random rows on both sides, some taken back, some before they come, against the join of what is left in the end.
void run_random(uint64_t seed, const join_options& of, bool left_changes, bool right_changes) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto draw = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  const bool changes[2] = {left_changes, right_changes};
  event_script script{join_node(of), inputs(left_changes, right_changes), {"at", "at"}, {{"visit"}, {"visit"}}, {}};
  std::map<std::pair<std::string, std::string>, int> sides[2];  // (key, value) -> count
  std::vector<std::string> ahead[2];                            // rows whose retraction came first
  for (int i = 0; i < 300; ++i) {
    const auto side = static_cast<uint32_t>(draw(2));
    std::string visit = draw(12) == 0 ? "NULL" : "v" + std::to_string(draw(6));
    std::string value = side == 0 ? "ward" + std::to_string(draw(3)) : std::to_string(draw(4) * 10);
    int weight = 1;
    if (changes[side] && draw(3) == 0) {
      // One that is there, or one that will be.
      std::vector<std::pair<std::string, std::string>> there;
      for (const auto& [row, count] : sides[side])
        if (count > 0) there.push_back(row);
      if (!there.empty() && draw(4) != 0) std::tie(visit, value) = there[static_cast<size_t>(draw(static_cast<int64_t>(there.size())))];
      else ahead[side].push_back(visit + "|" + value + "|" + time_text(i));
      weight = -1;
    }
    sides[side][{visit, value}] += weight;
    script.row((changes[side] ? weight > 0 ? "+I " : "-D " : "") + visit + "|" + value + "|" + time_text(i), side);
    if (draw(20) == 0) script.watermark(time_of(i));
    if (draw(40) == 0) script.barrier();
  }
  for (uint32_t side = 0; side < 2; ++side) {
    for (const std::string& row : ahead[side]) {
      script.row("+I " + row, side);
      const size_t bar = row.find('|'), second = row.find('|', bar + 1);
      ++sides[side][{row.substr(0, bar), row.substr(bar + 1, second - bar - 1)}];
    }
  }
  std::map<std::string, int> live;
  for (const auto& [left, left_count] : sides[0]) {
    bool matched = false;
    for (const auto& [right, right_count] : sides[1]) {
      if (left.first == "NULL" || left.first != right.first || right_count == 0) continue;
      if (!of.residual.empty() && std::stoi(right.second) <= 10) continue;
      matched = true;
      live[left.first + "|" + left.second + "|" + right.second] += left_count * right_count;
    }
    if (!matched && of.left_outer) live[left.first + "|" + left.second + "|NULL"] += left_count;
  }
  std::erase_if(live, [](const auto& row) { return row.second == 0; });
  ASSERT_GT(live.size(), 10u);
  expect_in_all_runs(script, live);
}

TEST(regular_join, agrees_with_a_nested_loop_on_random_input) {
  const uint64_t seed = seed_of(3);
  run_random(seed, {}, false, false);
  run_random(seed + 1, {.residual = "amount > 10"}, true, true);
  run_random(seed + 2, {.left_outer = true}, false, true);
  run_random(seed + 3, {.left_outer = true, .residual = "amount > 10"}, true, true);
  run_random(seed + 4, {.left_outer = true}, true, false);
}

}  // namespace
}  // namespace systole::testing::regular_join_tests
