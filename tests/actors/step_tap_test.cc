#include "actors/step_tap.h"

#include <gtest/gtest.h>

#include <thread>

#include "actors/worker/tap_board.h"
#include "tests/data/columns.h"

namespace systole::testing {
namespace {

using namespace std::chrono_literals;
using strings = std::vector<std::string>;

const schema tapped_columns{{{"patient", {type_id::text}}, {"beds", {type_id::int64}}}};
const tapped_step adt_step{job_id(1), "adt"}, beds_step{job_id(1), "beds"};

batch tapped_rows(int64_t first, size_t count, size_t text_bytes = 1) {
  std::vector<std::optional<std::string>> names(count, std::string(text_bytes, 'p'));
  std::vector<std::optional<int64_t>> numbers;
  for (size_t i = 0; i < count; ++i) numbers.emplace_back(first + static_cast<int64_t>(i));
  return batch(count, {texts(names), bigints(numbers)});
}

std::string shown_row(int64_t number) {
  return R"({"kind":"+I","subtask":3,"eventTime":null,"row":{"patient":"p","beds":)" + std::to_string(number) + "}}";
}

struct step_tap_test : ::testing::Test {
  step_tap_test() { tap.want(true); }
  manual_clock time;
  step_tap tap{3, tapped_columns, time};
};

TEST_F(step_tap_test, shows_all_of_a_few_rows) {
  tap.look(tapped_rows(0, 2));
  tap.look(tapped_rows(7, 1));
  const auto got = tap.take();
  EXPECT_EQ(got.passed, 3u);
  EXPECT_EQ(got.rows, (strings{shown_row(0), shown_row(1), shown_row(7)}));
  EXPECT_TRUE(tap.take().rows.empty());
  EXPECT_EQ(tap.take().passed, 0u);
}

TEST_F(step_tap_test, shows_kinds_and_event_times) {
  batch rows(4, {texts({"a\"\n", std::nullopt, "c", "d"}), bigints({1, 2, std::nullopt, 4})});
  rows.set_hidden(hidden::kind, booleans({0, 1, 2, 3}));
  rows.set_hidden(hidden::event_time, times({0, std::nullopt, 1'500'000, 2}));
  tap.look(rows);
  EXPECT_EQ(
      tap.take().rows,
      (strings{
          R"({"kind":"+I","subtask":3,"eventTime":"1970-01-01T00:00:00.000000Z","row":{"patient":"a\"\n","beds":1}})",
          R"({"kind":"-U","subtask":3,"eventTime":null,"row":{"patient":null,"beds":2}})",
          R"({"kind":"+U","subtask":3,"eventTime":"1970-01-01T00:00:01.500000Z","row":{"patient":"c","beds":null}})",
          R"({"kind":"-D","subtask":3,"eventTime":"1970-01-01T00:00:00.000002Z","row":{"patient":"d","beds":4}})"}));
}

TEST_F(step_tap_test, shows_so_many_rows_a_second_evenly_spread) {
  constexpr size_t rate = limits::tap_rows_per_second;
  tap.look(tapped_rows(0, 40 * rate));
  tap.look(tapped_rows(0, 5));
  auto got = tap.take();
  EXPECT_EQ(got.passed, 40 * rate + 5);
  ASSERT_EQ(got.rows.size(), rate);
  EXPECT_EQ(got.rows.front(), shown_row(0));
  EXPECT_EQ(got.rows.back(), shown_row(40 * (rate - 1)));
  time.advance(500ms);
  tap.look(tapped_rows(0, 1000));
  EXPECT_EQ(tap.take().rows.size(), rate / 2);
  time.advance(1h);
  tap.look(tapped_rows(0, 1000));
  EXPECT_EQ(tap.take().rows.size(), rate) << "what was not used is not saved up";
}

TEST_F(step_tap_test, keeps_no_more_than_fits_and_counts_the_rest) {
  tap.look(tapped_rows(0, 1, limits::tap_row_bytes + 1));
  EXPECT_TRUE(tap.take().rows.empty()) << "a long row";
  const size_t half = limits::tap_row_bytes / 2;
  for (int i = 0; i < 20; ++i) tap.look(tapped_rows(0, 1, half));
  const auto got = tap.take();
  EXPECT_EQ(got.passed, 20u);
  EXPECT_EQ(got.rows.size(), limits::tap_buffer_bytes / got.rows[0].size());
  tap.look(tapped_rows(0, 1, half));
  EXPECT_EQ(tap.take().rows.size(), 1u) << "there is room again";
}

TEST_F(step_tap_test, begins_with_nothing) {
  tap.look(tapped_rows(0, 1));
  tap.want(false);
  EXPECT_FALSE(tap.wanted());
  tap.want(true);
  EXPECT_TRUE(tap.take().rows.empty()) << "what an earlier user was shown";
}

/// For the thread sanitizer, and that each row that is shown was counted.
TEST_F(step_tap_test, is_fetched_while_the_task_works) {
  std::thread task([this] {
    for (int i = 0; i < 2'000; ++i) tap.look(tapped_rows(i, 3));
  });
  uint64_t passed = 0;
  size_t rows = 0;
  while (passed < 6'000) {
    const auto got = tap.take();
    passed += got.passed;
    rows += got.rows.size();
  }
  task.join();
  EXPECT_EQ(passed, 6'000u);
  EXPECT_LE(rows, limits::tap_rows_per_second) << "the clock stands still";
}

TEST(operator_chain_probe, sees_what_a_node_emits_only_while_it_is_wanted) {
  struct counting final : emission_probe {
    void look(const batch& rows) override { seen += rows.rows(); }
    void want(bool on) { wanted_ = on; }
    size_t seen = 0;
  } probe;
  operator_chain chain(nullptr);
  chain.add_node({.op = nullptr, .accounting = nullptr, .input_channels = {1}, .is_source = true, .probe = &probe});
  ASSERT_TRUE(chain.open());
  ASSERT_TRUE(chain.push(0, 0, tapped_rows(0, 5)));
  EXPECT_EQ(probe.seen, 0u);
  probe.want(true);
  ASSERT_TRUE(chain.push(0, 0, tapped_rows(0, 7)));
  EXPECT_EQ(probe.seen, 7u);
  probe.want(false);
  ASSERT_TRUE(chain.push(0, 0, tapped_rows(0, 5)));
  EXPECT_EQ(probe.seen, 7u);
}

TEST(tap_board, adds_up_the_subtasks_of_wanted_steps) {
  const manual_clock time;
  tap_board board;
  const auto first = board.add(adt_step, 0, tapped_columns, time),
             other = board.add(beds_step, 0, tapped_columns, time);
  EXPECT_TRUE(board.take().empty());
  board.want({adt_step});
  const auto second = board.add(adt_step, 1, tapped_columns, time);
  EXPECT_TRUE(first->wanted());
  EXPECT_TRUE(second->wanted()) << "of a task that is built later";
  EXPECT_FALSE(other->wanted());
  first->look(tapped_rows(0, 2));
  second->look(tapped_rows(0, 3));
  const auto samples = board.take();
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples[0].of, adt_step);
  EXPECT_EQ(samples[0].passed, 5u);
  EXPECT_EQ(samples[0].rows.size(), 5u);
  board.want({});
  EXPECT_FALSE(first->wanted());
  EXPECT_TRUE(board.take().empty());
}

TEST(tap_board, shows_the_last_rows_of_a_task_that_is_gone_and_forgets_it) {
  const manual_clock time;
  tap_board board;
  board.want({adt_step});
  std::weak_ptr<step_tap> kept;
  {
    const auto tap = board.add(adt_step, 0, tapped_columns, time);
    tap->look(tapped_rows(0, 2));
    kept = tap;
  }
  EXPECT_EQ(board.take().at(0).rows.size(), 2u);
  EXPECT_TRUE(kept.expired());
  board.want({});
  kept = board.add(adt_step, 0, tapped_columns, time);
  const auto next = board.add(adt_step, 0, tapped_columns, time);
  EXPECT_TRUE(kept.expired()) << "also where nobody fetches";
}

TEST(tap_board, tells_no_more_at_once_than_a_message_holds) {
  const manual_clock time;
  tap_board board;
  board.want({adt_step});
  std::vector<std::shared_ptr<step_tap>> taps;
  const size_t half = limits::tap_row_bytes / 2;
  for (uint32_t i = 0; i < 10; ++i) {
    taps.push_back(board.add(adt_step, i, tapped_columns, time));
    for (int k = 0; k < 4; ++k) taps.back()->look(tapped_rows(0, 1, half));
  }
  const auto samples = board.take();
  size_t bytes = 0;
  for (const std::string& row : samples.at(0).rows) bytes += row.size();
  EXPECT_LE(bytes, limits::tap_message_bytes);
  EXPECT_GT(bytes, limits::tap_message_bytes / 2);
  EXPECT_EQ(samples[0].passed, 40u);
}

}  // namespace
}  // namespace systole::testing
