// The worked example of docs/how_to_add_an_operator.md.
#include "tests/operators/example_every_nth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/operators/event_script.h"

namespace systole::testing::example_every_nth_tests {
namespace {

using ::testing::ElementsAre;

const operator_input visits{parse_schema("visit text, n int"), false, {}};

harness_options every(uint64_t n, bool in_memory = true) {
  harness_options made{.in_memory = in_memory, .memory_bytes = tiny_memory_bytes};
  made.make = [n](const operator_context& context) { return examples::make_every_nth("visit", n, visits, context); };
  return made;
}

TEST(example_every_nth, passes_the_first_of_every_n_rows_of_a_key) {
  operator_harness harness({}, {visits}, every(3));
  harness.push({"a|1", "b|2", "a|3", "a|4", "NULL|5"});
  harness.push({"a|6", "NULL|7"});
  EXPECT_THAT(harness.rows(), ElementsAre("a|1", "b|2", "NULL|5", "a|6"));
  EXPECT_EQ(harness.accounting().filtered, 3u);
  harness.end_all();  // checks that every row is accounted for
}

TEST(example_every_nth, agrees_with_counting_across_batches_and_crashes) {
  const uint64_t seed = seed_of(81);
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const bool in_memory : {true, false}) {
    std::mt19937_64 random(seed);
    operator_harness harness({}, {visits}, every(4, in_memory));
    std::map<std::string, int> given;
    std::map<std::string, int> expected;
    for (int i = 0; i < 60; ++i) {
      std::vector<std::string> rows;
      for (uint64_t k = random() % 9; k > 0; --k) rows.push_back("v" + std::to_string(random() % 5) + "|" + std::to_string(i));
      for (const std::string& row : rows)
        if (given[row.substr(0, 2)]++ % 4 == 0) ++expected[row];
      harness.push(rows);
      if (i % 3 == 0) {
        harness.crash();  // back to the barrier before this batch
        harness.push(rows);
      }
      harness.barrier();
    }
    EXPECT_EQ(harness.consolidated(), expected);
  }
}

TEST(example_every_nth, refuses_a_changelog) {
  manual_clock clock;
  step_accounting accounting;
  const operator_context context{.step = "tenth", .time = &clock, .accounting = &accounting};
  const auto made = examples::make_every_nth("visit", 10, {visits.columns, true, {}}, context);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "step tenth: every nth row of a changelog is not defined");
}

}  // namespace
}  // namespace systole::testing::example_every_nth_tests
