#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/operators/operator_harness.h"
#include "tests/support/seed.h"

namespace systole::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const operator_input events{parse_schema("id text, n int, at timestamptz"), false, {}};

std::string at(int seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "2026-01-01T00:%02d:%02dZ", seconds / 60, seconds % 60);
  return text;
}
std::string row(const std::string& id, int n, int seconds) { return id + "|" + std::to_string(n) + "|" + at(seconds); }

constexpr const char* first = R"(deduplicate { key { sql: "id" } })";
constexpr const char* last_by_n = R"(deduplicate { key { sql: "id" } keep_last: true order_by { value { sql: "n" } } })";

TEST(deduplicate_first, passes_the_first_row_of_a_key_within_and_across_batches) {
  operator_harness harness(parse_node(first), {events});
  harness.push({row("a", 1, 0), row("b", 2, 0), row("a", 3, 0)});
  harness.push({row("b", 4, 0), row("c", 5, 0)});
  EXPECT_THAT(harness.rows(), ElementsAre(row("a", 1, 0), row("b", 2, 0), row("c", 5, 0)));
  EXPECT_EQ(harness.accounting().deduplicated, 2u);
  EXPECT_FALSE(harness.batches()[0].has(hidden::kind)) << "the output must be append-only";
  harness.expect_balanced();
}

TEST(deduplicate_first, never_drops_a_row_with_null_in_its_key) {
  operator_harness harness(parse_node(first), {events});
  harness.push({"NULL|1|NULL", "NULL|2|NULL", "a|3|NULL", "a|4|NULL"});
  harness.push({"NULL|5|NULL"});
  EXPECT_EQ(harness.rows().size(), 4u);
  EXPECT_EQ(harness.accounting().deduplicated, 1u);
}

TEST(deduplicate_first, passes_a_batch_on_without_a_copy_when_all_rows_stay) {
  operator_harness harness(parse_node(first), {events});
  const batch rows = parse_rows(events.columns, {row("a", 1, 0), row("b", 1, 0)});
  harness.push(rows);
  EXPECT_EQ(harness.batches().at(0).share(0), rows.share(0));
}

TEST(deduplicate_first, remembers_across_a_crash) {
  for (const bool in_memory : {true, false}) {
    operator_harness harness(parse_node(first), {events}, {.in_memory = in_memory});
    harness.push({row("a", 1, 0)});
    harness.barrier();
    harness.push({row("b", 1, 0)});
    harness.crash();
    harness.push({row("b", 1, 0), row("a", 2, 0)});
    EXPECT_THAT(harness.rows(), ElementsAre(row("a", 1, 0), row("b", 1, 0)));
    harness.expect_balanced();
  }
}

TEST(deduplicate_first, rejects_a_key_that_state_cannot_hold) {
  operator_harness harness(parse_node(first), {events});
  harness.push({std::string(70'000, 'x') + "|1|NULL", row("a", 1, 0)});
  EXPECT_THAT(harness.rows(), ElementsAre(row("a", 1, 0)));
  EXPECT_EQ(harness.accounting().rejected, 1u);
  EXPECT_THAT(harness.rejected().at(0), ::testing::StartsWith("expression: the key is too long [54000]"));
  harness.expect_balanced();
}

constexpr const char* first_for_a_minute = R"(deduplicate { key { sql: "id" } ttl_us: 60000000 })";

TEST(deduplicate_first, forgets_after_the_ttl_and_a_hit_does_not_renew) {
  operator_harness harness(parse_node(first_for_a_minute), {events});
  harness.push({row("a", 1, 0), row("a", 2, 59), row("a", 3, 60), row("a", 4, 119), row("a", 5, 120)}, 0, "at");
  EXPECT_THAT(harness.rows(), ElementsAre(row("a", 1, 0), row("a", 3, 60), row("a", 5, 120)));
}

TEST(deduplicate_first, gives_the_same_rows_whether_entries_were_purged_or_not) {
  // The second watermark comes too soon after the first for another purge, so that "b" is purged and "c" is not.
  operator_harness harness(parse_node(first_for_a_minute), {events});
  harness.push({row("b", 1, 0), row("c", 1, 10)}, 0, "at");
  harness.watermark(at(60));
  harness.watermark(at(70));
  harness.push({row("b", 2, 5), row("c", 2, 15)}, 0, "at");  // later than the watermark
  EXPECT_THAT(harness.rows(), ElementsAre(row("b", 1, 0), row("c", 1, 10), row("b", 2, 5), row("c", 2, 15)));
}

TEST(deduplicate_first, purges_what_is_past_its_ttl) {
  operator_harness harness(parse_node(first_for_a_minute), {events});
  for (int i = 0; i < 3000; ++i) harness.push({row("key number " + std::to_string(i), i, i)}, 0, "at");
  harness.barrier();
  EXPECT_EQ(harness.saved_keys("seen", 8), 3000u);
  harness.watermark(at(2999));
  harness.barrier();
  EXPECT_EQ(harness.saved_keys("seen", 8), 60u);
  harness.push({row("key number 2950", 1, 2950), row("key number 7", 1, 2999)}, 0, "at");
  EXPECT_EQ(harness.rows().size(), 3001u);
}

TEST(deduplicate_first, processing_time_ttl_follows_the_clock) {
  operator_harness harness(parse_node(R"(deduplicate { key { sql: "id" } ttl_us: 60000000 processing_time_ttl: true })"), {events});
  harness.push({row("a", 1, 0)}, 0, "at");
  harness.advance_clock(59'999'999);
  harness.push({row("a", 2, 3000)}, 0, "at");
  harness.advance_clock(1);
  harness.push({row("a", 3, 0)}, 0, "at");
  EXPECT_THAT(harness.rows(), ElementsAre(row("a", 1, 0), row("a", 3, 0)));
}

TEST(deduplicate_ordered, keeps_the_last_row_by_order_and_retracts_the_one_before) {
  operator_harness harness(parse_node(last_by_n), {events});
  harness.push({row("a", 5, 0)});
  harness.push({row("a", 3, 1)});
  harness.push({row("a", 5, 2)});  // a tie: the later position wins
  harness.push({row("a", 9, 3)});
  EXPECT_THAT(harness.rows(), ElementsAre("+I " + row("a", 5, 0), "-U " + row("a", 5, 0), "+U " + row("a", 5, 2),
                                          "-U " + row("a", 5, 2), "+U " + row("a", 9, 3)));
  EXPECT_EQ(harness.accounting().out, 3u);
  EXPECT_EQ(harness.accounting().deduplicated, 1u);
  harness.expect_balanced();
}

TEST(deduplicate_ordered, emits_one_change_per_key_and_batch) {
  operator_harness harness(parse_node(last_by_n), {events});
  harness.push({row("a", 1, 0), row("b", 1, 0), row("a", 2, 1), row("a", 1, 2)});
  EXPECT_THAT(harness.rows(), ElementsAre("+I " + row("b", 1, 0), "+I " + row("a", 2, 1)));
  EXPECT_EQ(harness.accounting().out, 3u) << "counted as if each row had come alone";
}

TEST(deduplicate_ordered, keeps_the_first_row_by_order) {
  operator_harness harness(parse_node(R"(deduplicate { key { sql: "id" } order_by { value { sql: "n" } } })"), {events});
  harness.push({row("a", 5, 0), row("a", 3, 1)});
  harness.push({row("a", 3, 2), row("a", 1, 3)});
  EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(Pair(row("a", 1, 3), 1)));
}

TEST(deduplicate_ordered, keeps_the_last_by_position_without_an_order) {
  operator_harness harness(parse_node(R"(deduplicate { key { sql: "id" } keep_last: true })"), {events});
  const batch both = parse_rows(events.columns, {row("a", 1, 0), row("a", 2, 0)});
  harness.push(slice(both, 1, 1));
  harness.push(slice(both, 0, 1));  // comes later, but from before
  EXPECT_THAT(harness.consolidated(), UnorderedElementsAre(Pair(row("a", 2, 0), 1)));
}

TEST(deduplicate_ordered, orders_nulls_where_the_plan_says) {
  const auto kept = [](const std::string& order) {
    operator_harness harness(parse_node("deduplicate { key { sql: \"id\" } keep_last: true order_by { value { sql: \"n\" } " + order + " } }"), {events});
    harness.push({"a|2|NULL", "a|NULL|NULL", "a|1|NULL"});
    return harness.consolidated();
  };
  EXPECT_THAT(kept("nulls_first: true"), UnorderedElementsAre(Pair("a|2|NULL", 1)));
  EXPECT_THAT(kept(""), UnorderedElementsAre(Pair("a|NULL|NULL", 1)));
  EXPECT_THAT(kept("descending: true nulls_first: true"), UnorderedElementsAre(Pair("a|1|NULL", 1)));
  EXPECT_THAT(kept("descending: true"), UnorderedElementsAre(Pair("a|NULL|NULL", 1)));
}

TEST(deduplicate_ordered, leaves_out_update_before_where_nobody_needs_it) {
  proto::Node node = parse_node(last_by_n);
  node.set_omit_update_before(true);
  operator_harness harness(node, {events});
  harness.push({row("a", 1, 0)});
  harness.push({row("a", 2, 0)});
  EXPECT_THAT(harness.rows(), ElementsAre("+I " + row("a", 1, 0), "+U " + row("a", 2, 0)));
}

TEST(deduplicate_ordered, retracts_the_row_with_its_event_time) {
  operator_harness harness(parse_node(last_by_n), {events});
  harness.push({row("a", 1, 7)}, 0, "at");
  harness.push({row("a", 2, 9)}, 0, "at");
  const batch& change = harness.batches().at(1);
  ASSERT_EQ(change.rows(), 2u);
  EXPECT_EQ(change.event_time(1) - change.event_time(0), 2'000'000);
  EXPECT_LT(change.position(0), change.position(1));
}

TEST(deduplicate_ordered, a_row_after_the_ttl_is_a_new_insert) {
  operator_harness harness(
      parse_node(R"(deduplicate { key { sql: "id" } keep_last: true order_by { value { sql: "n" } } ttl_us: 60000000 })"), {events});
  harness.push({row("a", 5, 0), row("a", 1, 60), row("a", 2, 61)}, 0, "at");
  EXPECT_THAT(harness.rows(), ElementsAre("+I " + row("a", 5, 0), "+I " + row("a", 2, 61)));
  EXPECT_EQ(harness.accounting().out, 3u);
  harness.expect_balanced();
}

TEST(deduplicate_ordered, passes_rows_with_null_in_their_key) {
  operator_harness harness(parse_node(last_by_n), {events});
  harness.push({"NULL|1|NULL", "NULL|2|NULL"});
  EXPECT_THAT(harness.rows(), ElementsAre("+I NULL|1|NULL", "+I NULL|2|NULL"));
}

TEST(deduplicate, refuses_a_changelog) {
  manual_clock clock;
  step_accounting accounting;
  const operator_context context{.step = "unique", .time = &clock, .accounting = &accounting};
  EXPECT_FALSE(make_operator(parse_node(first), {{events.columns, true, {"id"}}}, context));
}

/// What both forms must give, from the rows as they came.
struct model_row {
  std::string id;
  int n;
  int seconds;
};

TEST(deduplicate, agrees_with_brute_force_on_random_rows_watermarks_and_crashes) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 12; ++round) {
    const bool keep_last = round % 3 == 1, by_order = round % 3 == 2;
    const bool ttl = round % 2 == 0 && !keep_last && !by_order;
    proto::Node node = parse_node(ttl ? first_for_a_minute : first);
    node.mutable_deduplicate()->set_keep_last(keep_last);
    if (keep_last || by_order) node.mutable_deduplicate()->add_order_by()->mutable_value()->set_sql("n");
    operator_harness harness(node, {events}, {.in_memory = round % 4 < 2});
    std::vector<std::vector<model_row>> batches;
    for (int b = 0; b < 30; ++b) {
      batches.emplace_back();
      for (unsigned i = random() % 20; i > 0; --i)
        batches.back().push_back({"k" + std::to_string(random() % 12), static_cast<int>(random() % 5), static_cast<int>(b * 10 + random() % 10)});
    }
    size_t saved = 0;
    for (size_t b = 0; b < batches.size(); ++b) {
      std::vector<std::string> lines;
      for (const model_row& each : batches[b]) lines.push_back(row(each.id, each.n, each.seconds));
      if (!lines.empty()) harness.push(lines, 0, "at");
      if (b % 4 == 3) harness.watermark(at(static_cast<int>(b) * 10));
      if (random() % 4 == 0) {
        harness.barrier();
        saved = b + 1;
      } else if (random() % 6 == 0) {
        harness.crash();
        b = saved - 1;  // the source goes back to the barrier
      }
    }
    std::map<std::string, int> expected;
    std::map<std::string, model_row> best;
    for (const std::vector<model_row>& each_batch : batches) {
      for (const model_row& each : each_batch) {
        const auto [found, fresh] = best.try_emplace(each.id, each);
        model_row& held = found->second;
        const bool wins = keep_last ? each.n >= held.n : by_order ? each.n < held.n : ttl && each.seconds >= held.seconds + 60;
        if (fresh || wins) held = each;
        if (!keep_last && !by_order && (fresh || wins)) ++expected[row(each.id, each.n, each.seconds)];
      }
    }
    if (keep_last || by_order)
      for (const auto& [id, each] : best) ++expected[row(each.id, each.n, each.seconds)];
    EXPECT_EQ(harness.consolidated(), expected) << "round " << round;
    harness.expect_balanced();
  }
}

}  // namespace
}  // namespace systole::testing
