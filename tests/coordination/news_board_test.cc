#include "coordination/news_board.h"

#include <gtest/gtest.h>

namespace systole {
namespace {

constexpr timestamp_us second = 1'000'000;
constexpr job_id beds{7};

worker_news news_of(const std::string& name, uint64_t process, uint64_t in, std::vector<uint64_t> lines = {}) {
  worker_news made;
  made.name = name;
  made.process = {process, 1};
  step_figures adt;
  adt.step = "adt";
  adt.in = in;
  adt.out = in / 2;
  adt.busy = std::chrono::milliseconds(in);
  made.jobs[beds] = {adt};
  for (const uint64_t each : lines)
    made.lines.push_back(
        {each, static_cast<int64_t>(each), log_level::warning, name + " line " + std::to_string(each)});
  return made;
}

std::vector<std::string> texts(const std::vector<process_line>& lines) {
  std::vector<std::string> made;
  for (const process_line& each : lines) made.push_back(each.what.text);
  return made;
}

class news_board_test : public ::testing::Test {
 protected:
  std::vector<step_activity> figures(timestamp_us at) { return board_.figures(beds, {"adt", "beds"}, at, &workers_); }
  news_board board_;
  uint32_t workers_ = 0;
};

TEST_F(news_board_test, sums_over_workers_and_tells_rates_between_two_news) {
  board_.on_news(news_of("a", 1, 1000), 1 * second);
  board_.on_news(news_of("b", 2, 5000), 1 * second);
  auto first = figures(1 * second);
  EXPECT_EQ(workers_, 2u);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].so_far.in, 6000u);
  EXPECT_EQ(first[0].now.in, 0) << "a rate needs two news";
  EXPECT_EQ(first[1].so_far.step, "beds") << "a step that nobody told of";
  EXPECT_EQ(first[1].so_far.in, 0u);
  board_.on_news(news_of("a", 1, 1500), 2 * second);
  board_.on_news(news_of("b", 2, 5100), 3 * second);
  const auto second_look = figures(3 * second);
  EXPECT_EQ(second_look[0].so_far.in, 6600u);
  EXPECT_DOUBLE_EQ(second_look[0].now.in, 500 + 50);
  EXPECT_DOUBLE_EQ(second_look[0].now.out, 250 + 25);
  EXPECT_DOUBLE_EQ(second_look[0].now.busy, 0.5 + 0.05);
}

TEST_F(news_board_test, a_process_that_was_started_anew_has_no_rate_yet) {
  board_.on_news(news_of("a", 1, 1000), 1 * second);
  board_.on_news(news_of("a", 2, 1200), 2 * second);
  EXPECT_EQ(figures(2 * second)[0].so_far.in, 1200u);
  EXPECT_EQ(figures(2 * second)[0].now.in, 0);
  board_.on_news(news_of("a", 2, 100), 3 * second);
  EXPECT_EQ(figures(3 * second)[0].now.in, 0) << "a count that went back has none";
  board_.on_news(news_of("a", 2, 100), 3 * second);
  EXPECT_EQ(figures(3 * second)[0].now.in, 0) << "no time has gone by";
}

TEST_F(news_board_test, who_is_silent_is_left_out) {
  board_.on_news(news_of("a", 1, 1000), 1 * second);
  board_.on_news(news_of("b", 2, 10), 9 * second);
  EXPECT_EQ(figures(1 * second + news_board::figures_valid_us + 1)[0].so_far.in, 10u);
  EXPECT_EQ(workers_, 1u);
}

TEST_F(news_board_test, the_job_has_left_a_worker) {
  board_.on_news(news_of("a", 1, 1000), 1 * second);
  worker_news without = news_of("a", 1, 0);
  without.jobs.clear();
  board_.on_news(std::move(without), 2 * second);
  figures(2 * second);
  EXPECT_EQ(workers_, 0u);
}

TEST_F(news_board_test, lines_come_once_and_by_time) {
  board_.on_news(news_of("a", 1, 0, {1, 3}), 1 * second);
  board_.on_news(news_of("b", 2, 0, {2}), 1 * second);
  board_.on_news(news_of("a", 1, 0, {1, 3, 4}), 2 * second);  // told again: the coordinator's connection was new
  EXPECT_EQ(texts(board_.lines("")), (std::vector<std::string>{"a line 1", "b line 2", "a line 3", "a line 4"}));
  EXPECT_EQ(texts(board_.lines("b")), std::vector<std::string>{"b line 2"});
  EXPECT_TRUE(board_.lines("c").empty());
}

TEST_F(news_board_test, a_new_life_adds_its_lines_to_those_of_the_last_one) {
  board_.on_news(news_of("a", 1, 0, {8, 9}), 1 * second);
  worker_news reborn = news_of("a", 2, 0, {1});
  reborn.lines[0].at_us = 100;
  board_.on_news(std::move(reborn), 2 * second);
  EXPECT_EQ(texts(board_.lines("a")), (std::vector<std::string>{"a line 8", "a line 9", "a line 1"}));
}

TEST_F(news_board_test, is_bounded) {
  std::vector<uint64_t> many;
  for (uint64_t i = 1; i <= news_board::lines_of_worker + 50; ++i) many.push_back(i);
  board_.on_news(news_of("a", 1, 0, many), 1 * second);
  const auto kept = board_.lines("a");
  ASSERT_EQ(kept.size(), news_board::lines_of_worker);
  EXPECT_EQ(kept.front().what.sequence, 51u) << "the last ones are kept";
  for (size_t i = 0; i < news_board::most_workers; ++i)
    board_.on_news(news_of("w" + std::to_string(i), i + 2, 0, {1}), 2 * second);
  EXPECT_TRUE(board_.lines("a").empty()) << "the one that was silent longest has to go";
  EXPECT_EQ(board_.lines("").size(), news_board::most_workers);
}

}  // namespace
}  // namespace systole
