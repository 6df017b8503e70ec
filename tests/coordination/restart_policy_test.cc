#include "coordination/restart_policy.h"

#include <gtest/gtest.h>

namespace systole::testing {
namespace {

failure trouble(const std::string& message, error_code code = error_code::io) { return fail(code, message); }

restart_policy make() {
  return restart_policy({.restarts = true, .initial_delay_us = 100, .most_delay_us = 1'000, .stable_after_us = 10'000});
}

TEST(restart_policy, delays_grow_up_to_the_cap) {
  restart_policy policy = make();
  std::vector<int64_t> delays;
  for (int i = 0; i < 6; ++i) {
    policy.on_start(0, epoch_id(0), 1);
    const auto decision = policy.on_failure(1, trouble("no " + std::to_string(i)), epoch_id(0));
    ASSERT_TRUE(decision.restart);
    delays.push_back(decision.delay_us);
  }
  EXPECT_EQ(delays, (std::vector<int64_t>{100, 200, 400, 800, 1'000, 1'000}));
}

TEST(restart_policy, a_stable_while_resets_the_delay) {
  restart_policy policy = make();
  for (int i = 0; i < 3; ++i) {
    policy.on_start(0, epoch_id(0), 1);
    (void)policy.on_failure(1, trouble(std::to_string(i)), epoch_id(0));
  }
  policy.on_start(0, epoch_id(0), 1);
  EXPECT_EQ(policy.on_failure(10'000, trouble("again"), epoch_id(0)).delay_us, 100);
}

TEST(restart_policy, the_same_failure_without_progress_is_poison) {
  restart_policy policy = make();
  for (int i = 0; i < 2; ++i) {
    policy.on_start(0, epoch_id(7), 1);
    ASSERT_TRUE(policy.on_failure(1, trouble("bad state"), epoch_id(7)).restart);
  }
  policy.on_start(0, epoch_id(7), 1);
  const auto decision = policy.on_failure(1, trouble("bad state"), epoch_id(7));
  EXPECT_FALSE(decision.restart);
  EXPECT_NE(decision.why.find("3 times"), std::string::npos);
}

TEST(restart_policy, the_same_failure_after_progress_is_not) {
  restart_policy policy = make();
  for (uint64_t i = 0; i < 10; ++i) {
    policy.on_start(0, epoch_id(i), 1);
    ASSERT_TRUE(policy.on_failure(1, trouble("flaky"), epoch_id(i + 1)).restart);
  }
}

TEST(restart_policy, what_is_unavailable_is_tried_for_ever) {
  restart_policy policy = make();
  for (uint32_t i = 1; i <= 50; ++i) {
    policy.on_start(0, epoch_id(0), i);
    ASSERT_TRUE(policy.on_failure(1, trouble("away", error_code::unavailable), epoch_id(0)).restart);
  }
  EXPECT_EQ(policy.causes().size(), kept_failures);
  EXPECT_EQ(policy.causes().back().attempt, 50u);
  EXPECT_EQ(policy.failures(), 50u) << "also those whose causes are not kept any more";
}

TEST(restart_policy, forgiven_it_counts_anew_and_forgets_no_cause) {
  restart_policy policy = make();
  for (uint32_t i = 1; i <= 2; ++i) {
    policy.on_start(0, epoch_id(7), i);
    ASSERT_TRUE(policy.on_failure(1, trouble("poison"), epoch_id(7)).restart);
  }
  policy.forgive();
  for (uint32_t i = 3; i <= 4; ++i) {
    policy.on_start(0, epoch_id(7), i);
    const auto decision = policy.on_failure(1, trouble("poison"), epoch_id(7));
    ASSERT_TRUE(decision.restart) << i;
    if (i == 3) {
      EXPECT_EQ(decision.delay_us, 100);
    }
  }
  policy.on_start(0, epoch_id(7), 5);
  EXPECT_FALSE(policy.on_failure(1, trouble("poison"), epoch_id(7)).restart);
  EXPECT_EQ(policy.failures(), 5u);
  EXPECT_EQ(policy.causes().size(), 5u);
  EXPECT_EQ(policy.causes().front().attempt, 1u);
}

TEST(restart_policy, gives_up_at_once_on_what_a_restart_cannot_cure) {
  for (const error_code code : {error_code::disk_full, error_code::corrupt, error_code::fenced,
                                error_code::incompatible, error_code::invalid_argument, error_code::limit_exceeded}) {
    restart_policy policy = make();
    policy.on_start(0, epoch_id(0), 1);
    EXPECT_FALSE(policy.on_failure(1, trouble("x", code), epoch_id(0)).restart);
    EXPECT_EQ(policy.causes().at(0).cause.message, "x");
  }
}

TEST(restart_policy, what_is_refused_after_an_attempt_that_worked_is_tried_for_ever) {
  restart_policy policy = make();
  policy.on_start(0, epoch_id(7), 1);
  ASSERT_TRUE(policy.on_failure(15'000'000, trouble("wrong password", error_code::invalid_argument), epoch_id(8)).restart);
  for (int i = 0; i < 50; ++i) {
    policy.on_start(0, epoch_id(8), 1);
    ASSERT_TRUE(policy.on_failure(1, trouble("wrong password", error_code::invalid_argument), epoch_id(8)).restart);
  }
  EXPECT_FALSE(policy.on_failure(1, trouble("x", error_code::corrupt), epoch_id(8)).restart);
}

TEST(restart_policy, what_is_refused_at_the_beginning_is_not) {
  for (const auto& [ran_us, completed] : {std::pair{14'999'999, 8}, std::pair{15'000'000, 7}}) {
    restart_policy policy = make();
    policy.on_start(0, epoch_id(7), 1);
    EXPECT_FALSE(policy.on_failure(ran_us, trouble("wrong password", error_code::invalid_argument), epoch_id(completed)).restart);
  }
}

TEST(restart_policy, strategy_none_never_restarts) {
  restart_policy policy({.restarts = false});
  policy.on_start(0, epoch_id(0), 1);
  EXPECT_FALSE(policy.on_failure(1, trouble("x"), epoch_id(3)).restart);
}

}  // namespace
}  // namespace systole::testing
