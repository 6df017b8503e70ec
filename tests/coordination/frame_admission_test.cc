#include "coordination/frame_admission.h"

#include <gtest/gtest.h>

#include "coordination/pair_ledger.h"
#include "tests/support/seed.h"

namespace systole::testing::frame_admission_tests {
namespace {

using verdict = frame_admission::verdict;
constexpr job_id job{3};
constexpr attempt_stamp now{term_id(2), attempt_id(5)};

TEST(frame_admission, frames_come_in_order_and_once) {
  frame_admission it(job, now, 2);
  EXPECT_EQ(it.on_frame({job, now, 0, 1}), verdict::accept);
  EXPECT_EQ(it.on_frame({job, now, 1, 1}), verdict::accept) << "each channel has its own numbers";
  EXPECT_EQ(it.on_frame({job, now, 0, 1}), verdict::duplicate);
  EXPECT_EQ(it.on_frame({job, now, 0, 2}), verdict::accept);
  EXPECT_EQ(it.on_frame({job, now, 0, 4}), verdict::gap);
  EXPECT_EQ(it.on_frame({job, now, 0, 3}), verdict::accept) << "a gap takes nothing in";
  EXPECT_EQ(it.on_frame({job, now, 2, 1}), verdict::unknown);
}

TEST(frame_admission, other_attempts_and_jobs_are_dropped_whatever_their_number) {
  frame_admission it(job, now, 1);
  EXPECT_EQ(it.on_frame({job, {term_id(2), attempt_id(4)}, 0, 1}), verdict::stale);
  EXPECT_EQ(it.on_frame({job, {term_id(1), attempt_id(5)}, 0, 1}), verdict::stale);
  EXPECT_EQ(it.on_frame({job, {term_id(2), attempt_id(6)}, 0, 1}), verdict::stale);
  EXPECT_EQ(it.on_frame({job_id(4), now, 0, 1}), verdict::stale);
  EXPECT_EQ(it.on_frame({job, {term_id(1), attempt_id(4)}, 9, 77}), verdict::stale) << "not an error of this attempt";
}

TEST(pair_ledger, holds_all_channels_together_below_its_budget) {
  pair_ledger it(100);
  EXPECT_TRUE(it.may_send(1));
  it.spend(60);
  EXPECT_TRUE(it.may_send(2));
  it.spend(60);
  EXPECT_FALSE(it.may_send(3));
  EXPECT_FALSE(it.may_send(1));
  EXPECT_FALSE(it.next());
  it.on_arrived(60);
  EXPECT_EQ(it.next(), 3u) << "who waited first";
  it.spend(60);
  EXPECT_FALSE(it.next());
}

/// Many channels with random frames: under way stays below the budget and one frame, and all get their turn.
TEST(pair_ledger, is_fair_and_bounded) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice random(seed);
  constexpr uint64_t budget = 1'000, largest = 300, channels = 10;
  pair_ledger it(budget);
  std::vector<uint64_t> sent(channels, 0);
  std::vector<uint64_t> under_way;
  const auto put = [&](uint64_t channel) {
    const auto bytes = static_cast<uint64_t>(random.between(1, largest));
    it.spend(bytes);
    under_way.push_back(bytes);
    ++sent[channel];
    ASSERT_LT(it.outstanding(), budget + largest);
  };
  for (int step = 0; step < 20'000; ++step) {
    // Channel 0 always wants more; the others now and then.
    const uint64_t who = random.chance(0.7) ? 0 : static_cast<uint64_t>(random.between(1, channels - 1));
    if (it.may_send(who)) put(who);
    if (!under_way.empty() && random.chance(0.6)) {
      it.on_arrived(under_way.back());
      under_way.pop_back();
      while (const auto next = it.next()) put(*next);
    }
    ASSERT_LE(it.waiting(), channels);
  }
  for (uint64_t channel = 1; channel < channels; ++channel) EXPECT_GT(sent[channel], 300u);
}

}  // namespace
}  // namespace systole::testing::frame_admission_tests
