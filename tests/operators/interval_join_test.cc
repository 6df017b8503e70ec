#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/operators/event_script.h"

namespace systole::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const operator_input admits{parse_schema("visit text, at timestamptz, ward text"), false, {}};
const operator_input discharges{parse_schema("visit text, at timestamptz, note text"), false, {}};

proto::Node interval_node(int64_t lower_us, int64_t upper_us, const std::string& residual = {}) {
  proto::Node node;
  node.set_step("stays");
  proto::IntervalJoin& join = *node.mutable_interval_join();
  join.set_left_alias("a");
  join.set_right_alias("d");
  join.add_left_keys()->set_sql("a.visit");
  join.add_right_keys()->set_sql("visit");
  join.mutable_left_time()->set_sql("a.at");
  join.mutable_right_time()->set_sql("d.at");
  join.set_lower_us(lower_us);
  join.set_upper_us(upper_us);
  join.mutable_residual()->set_sql(residual);
  const auto add = [&](const char* name, const char* sql) {
    proto::NamedExpression& field = *join.add_fields();
    field.set_name(name);
    field.mutable_value()->set_sql(sql);
  };
  add("visit", "a.visit");
  add("ward", "ward");
  add("note", "d.note");
  add("stay", "(extract(epoch FROM d.at - a.at) * 1000000)::bigint");
  *node.mutable_output() = to_proto(parse_schema("visit text, ward text, note text, stay bigint"));
  return node;
}

std::string admit(const std::string& visit, int64_t at, const std::string& ward) { return visit + "|" + time_text(at) + "|" + ward; }

TEST(interval_join, pairs_rows_of_a_key_whose_times_are_within_the_bounds_both_included) {
  operator_harness harness(interval_node(0, 10), {admits, discharges});
  harness.push({admit("v1", 100, "ICU"), admit("v2", 100, "MED"), admit("NULL", 100, "SUR")}, 0);
  harness.push({admit("v1", 99, "early"), admit("v1", 100, "low"), admit("v1", 110, "high"), admit("v1", 111, "late"),
                admit("NULL", 105, "null")}, 1);
  EXPECT_THAT(harness.rows(), ElementsAre("v1|ICU|low|0", "v1|ICU|high|10"));
}

TEST(interval_join, multiplies_duplicates_and_gives_the_larger_time_and_position) {
  operator_harness harness(interval_node(-5, 5), {admits, discharges});
  harness.push({admit("v", 10, "A"), admit("v", 10, "A")}, 0, "at");
  harness.push({admit("v", 7, "x")}, 1, "at");
  harness.push({admit("v", 12, "y")}, 1, "at");
  EXPECT_THAT(harness.rows(), ElementsAre("v|A|x|-3", "v|A|x|-3", "v|A|y|2", "v|A|y|2"));
  ASSERT_EQ(harness.batches().size(), 2u);
  EXPECT_EQ(harness.batches()[0].event_time(0), time_of(10));
  EXPECT_EQ(harness.batches()[1].event_time(0), time_of(12));
  EXPECT_EQ(harness.batches()[1].position(0), (row_position{.offset = 3}.pack()));
}

TEST(interval_join, rejects_rows_at_or_behind_the_watermark_as_late) {
  operator_harness harness(interval_node(0, 10), {admits, discharges});
  harness.watermark(time_of(50));
  harness.push({admit("v", 50, "A"), admit("v", 51, "B"), "v|NULL|C"}, 0);
  EXPECT_EQ(harness.rejected().size(), 1u);
  EXPECT_THAT(harness.rejected()[0], ::testing::StartsWith("late: "));
  EXPECT_EQ(harness.accounting().late, 1u);
  EXPECT_EQ(harness.accounting().absorbed, 2u);
  harness.push({admit("v", 55, "x")}, 1);
  EXPECT_THAT(harness.rows(), ElementsAre("v|B|x|4"));
}

TEST(interval_join, keeps_only_pairs_for_which_the_residual_is_true_and_tells_failed_ones) {
  operator_harness harness(interval_node(0, 100, "10 / (length(ward) - length(note)) > 1"), {admits, discharges});
  harness.push({admit("v", 0, "four"), admit("v", 1, "NULL")}, 0);
  harness.push({admit("v", 2, "two"), admit("v", 3, "also"), admit("v", 3, "longer")}, 1);
  EXPECT_THAT(harness.rows(), ElementsAre("v|four|two|2"));
  ASSERT_EQ(harness.rejected().size(), 1u);
  EXPECT_THAT(harness.rejected()[0], ::testing::StartsWith("result: division by zero [22012]"));
  EXPECT_EQ(harness.accounting().failed_results, 1u);
  harness.expect_balanced();
}

TEST(interval_join, does_not_store_rows_that_nothing_can_match_any_more) {
  operator_harness harness(interval_node(10, 20), {admits, discharges});
  harness.watermark(time_of(100));
  // Only left rows up to 95 could match it.
  harness.push({admit("v", 105, "x")}, 1);
  const uint64_t before = harness.state().memory_bytes();
  for (int i = 0; i < 1000; ++i) harness.push({admit("v" + std::to_string(i), 105, "x")}, 1);
  EXPECT_EQ(harness.state().memory_bytes(), before);
}

TEST(interval_join, forgets_what_the_watermark_has_closed) {
  operator_harness harness(interval_node(0, 1000), {admits, discharges});
  uint64_t peak = 0;
  for (int64_t at = 1; at <= 60'000; at += 100) {
    std::vector<std::string> rows;
    for (int64_t i = 0; i < 100; ++i) rows.push_back(admit("v" + std::to_string(at + i), at + i, "A"));
    harness.push(rows, 0);
    harness.watermark(time_of(at));
    if (at < 20'000) peak = std::max(peak, harness.state().memory_bytes());
  }
  EXPECT_LE(harness.state().memory_bytes(), peak + peak / 2);
}

TEST(interval_join, goes_on_where_it_stopped_when_one_row_matches_many) {
  operator_harness harness(interval_node(0, 10'000), {admits, discharges}, {.batch_rows = 16, .credit_rows = 16});
  for (int i = 0; i < 1000; ++i) harness.push({admit("v", i, "A")}, 0);
  harness.push({admit("v", 2000, "x"), admit("w", 2000, "x"), admit("v", 2001, "y")}, 1);
  EXPECT_EQ(harness.rows().size(), 2000u);
  EXPECT_EQ(harness.consolidated().size(), 2000u);
  EXPECT_LE(harness.largest_burst(), 16u);
}

/// Random admissions and discharges, partly late, against a nested loop.
void run_random(uint64_t seed, int64_t lower, int64_t upper) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto draw = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  struct stored { std::string visit; int64_t at; std::string text; };
  std::vector<stored> sides[2];
  event_script script{interval_node(lower, upper, "ward <> note"), {admits, discharges}, {"at", "at"}, {{"visit"}, {"visit"}}, {}};
  int64_t now = 1000, watermark = 0;
  std::map<std::string, int> live, late;
  for (int i = 0; i < 400; ++i) {
    now += draw(6);
    const auto side = static_cast<uint32_t>(draw(2));
    stored row{draw(15) == 0 ? "NULL" : "v" + std::to_string(draw(5)), now - draw(60), std::string(1, static_cast<char>('a' + draw(3)))};
    script.row(row.visit + "|" + (draw(30) == 0 ? "NULL" : time_text(row.at)) + "|" + row.text, side);
    if (script.events.back().row.find("|NULL|") != std::string::npos) {
      // no time: joins nothing
    } else if (row.at <= watermark) {
      ++late["late"];
    } else if (row.visit != "NULL") {
      for (const stored& other : sides[1 - side]) {
        const stored& left = side == 0 ? row : other;
        const stored& right = side == 0 ? other : row;
        if (left.visit != right.visit || left.text == right.text) continue;
        if (right.at < left.at + lower || right.at > left.at + upper) continue;
        ++live[left.visit + "|" + left.text + "|" + right.text + "|" + std::to_string(right.at - left.at)];
      }
      sides[side].push_back(row);
    }
    if (draw(12) == 0) script.watermark(time_of(watermark = std::max(watermark, now - 30)));
    if (draw(40) == 0) script.barrier();
  }
  ASSERT_GT(live.size(), 5u);
  ASSERT_GT(late["late"], 5);
  expect_in_all_runs(script, live, late);
}

TEST(interval_join, agrees_with_a_nested_loop_on_random_input) {
  const uint64_t seed = seed_of(41);
  run_random(seed, 0, 50);
  run_random(seed + 1, -20, 20);
  run_random(seed + 2, 5, 40);
  run_random(seed + 3, -40, -5);
}

}  // namespace
}  // namespace systole::testing
