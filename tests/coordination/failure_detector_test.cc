#include "coordination/failure_detector.h"

#include <gtest/gtest.h>

namespace systole::testing {
namespace {

constexpr incarnation_id a{1, 1}, b{1, 2};
using verdict = failure_detector::verdict;

/// Time passes in steps, as the shell wakes; returns when the worker was given up.
timestamp_us given_up_at(failure_detector& it, timestamp_us from, timestamp_us until) {
  for (timestamp_us now = from; now <= until; now += 100'000)
    if (!it.on_time(now).empty()) return now;
  return -1;
}

TEST(failure_detector, a_frozen_worker_is_noticed_within_two_seconds) {
  failure_detector it({});
  (void)it.on_time(0);
  EXPECT_EQ(it.on_report(a, 0), verdict::joined);
  const timestamp_us at = given_up_at(it, 0, 5'000'000);
  EXPECT_GT(at, 0);
  EXPECT_LT(at, 2'000'000);
}

TEST(failure_detector, a_killed_worker_is_noticed_at_once) {
  failure_detector it({});
  (void)it.on_report(a, 0);
  EXPECT_TRUE(it.on_connection_lost(a));
  EXPECT_FALSE(it.on_connection_lost(a)) << "told once";
  EXPECT_FALSE(it.alive(a));
}

TEST(failure_detector, lost_reports_are_forgiven) {
  failure_detector it({});
  timestamp_us now = 0;
  for (int i = 0; i < 20; ++i, now += 100'000) {
    if (i % 6 == 0) (void)it.on_report(a, now);  // each 200 ms is due, two of three are lost
    EXPECT_TRUE(it.on_time(now).empty());
  }
}

TEST(failure_detector, what_was_given_up_is_told_to_stop_and_comes_back_under_a_new_name_only) {
  failure_detector it({});
  (void)it.on_time(0);
  (void)it.on_report(a, 0);
  ASSERT_GT(given_up_at(it, 0, 5'000'000), 0);
  EXPECT_EQ(it.on_report(a, 5'000'000), verdict::retired);
  EXPECT_EQ(it.on_report(b, 5'000'000), verdict::joined);
}

TEST(failure_detector, nobody_is_given_up_for_what_the_coordinator_slept_through) {
  failure_detector it({});
  (void)it.on_time(0);
  (void)it.on_report(a, 0);
  EXPECT_TRUE(it.on_time(60'000'000).empty()) << "the coordinator was frozen for a minute";
  (void)it.on_report(a, 60'050'000);
  EXPECT_TRUE(it.on_time(60'100'000).empty());
  EXPECT_GT(given_up_at(it, 60'200'000, 65'000'000), 0) << "but one that is silent afterwards is";
}

TEST(failure_detector, its_memory_is_bounded) {
  failure_detector it({});
  for (uint64_t i = 0; i < 2 * failure_detector::kept_retired; ++i) {
    (void)it.on_report({i, 9}, 0);
    (void)it.on_connection_lost({i, 9});
  }
  EXPECT_EQ(it.on_report({0, 9}, 1), verdict::joined);
  EXPECT_EQ(it.on_report({2 * failure_detector::kept_retired - 1, 9}, 1), verdict::retired);
}

}  // namespace
}  // namespace systole::testing
