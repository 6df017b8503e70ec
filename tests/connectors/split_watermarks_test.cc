#include "connectors/split_watermarks.h"

#include <gtest/gtest.h>

namespace systole {
namespace {

using std::chrono::seconds;

proto::Watermark settings(int64_t bound_us, int64_t idle_us = 0, int64_t drift_us = 0, bool advance = false) {
  proto::Watermark made;
  made.set_column("at");
  made.set_max_out_of_orderness_us(bound_us);
  made.set_idle_timeout_us(idle_us);
  made.set_max_drift_us(drift_us);
  made.set_advance_when_idle(advance);
  return made;
}

TEST(split_watermarks, is_the_least_of_all_splits_less_the_bound) {
  split_watermarks of(settings(10), true, nullptr, 0);
  of.add();
  of.add();
  of.announce(0, 500);
  EXPECT_EQ(of.combined(seconds(0), 0).watermark, watermark_none);
  of.announce(1, 300);
  EXPECT_EQ(of.combined(seconds(0), 0).watermark, 289);
  of.end(1);
  EXPECT_EQ(of.combined(seconds(0), 0).watermark, 489);
}

TEST(split_watermarks, idle_splits_have_no_say_until_they_have_caught_up) {
  split_watermarks of(settings(0, 60'000'000), true, nullptr, 0);
  of.add();
  of.add();
  of.announce(0, 1000);
  of.announce(1, 100);
  of.ran_dry(1, seconds(0));
  auto standing = of.combined(seconds(59), 0);
  EXPECT_EQ(standing.watermark, 99);
  EXPECT_EQ(standing.changes_in, seconds(1));
  EXPECT_EQ(of.combined(seconds(60), 0).watermark, 999);
  // Back with old rows: the watermark neither falls back nor waits for it.
  of.is_active(1);
  of.announce(1, 200);
  of.announce(0, 2000);
  EXPECT_EQ(of.combined(seconds(61), 0).watermark, 1999);
  of.announce(1, 2500);
  of.announce(0, 5000);
  EXPECT_EQ(of.combined(seconds(62), 0).watermark, 2499);  // it has a say again
}

TEST(split_watermarks, without_idle_time_out_a_silent_split_holds_it_back) {
  split_watermarks of(settings(0), true, nullptr, 0);
  of.add();
  of.add();
  of.announce(0, 1000);
  of.ran_dry(1, seconds(0));
  const auto standing = of.combined(seconds(100'000), 0);
  EXPECT_EQ(standing.watermark, watermark_none);
  EXPECT_FALSE(standing.idle);
}

TEST(split_watermarks, all_idle_it_stands_or_follows_the_clock) {
  split_watermarks stands(settings(0, 1'000'000), true, nullptr, 0), follows(settings(5, 1'000'000, 0, true), true, nullptr, 0);
  for (split_watermarks* each : {&stands, &follows}) {
    each->add();
    each->announce(0, 1000);
    each->ran_dry(0, seconds(0));
    EXPECT_NE(each->combined(seconds(0), 0).watermark, watermark_none);
  }
  auto standing = stands.combined(seconds(2), 9'000'000);
  EXPECT_EQ(standing.watermark, 999);
  EXPECT_TRUE(standing.idle);
  standing = follows.combined(seconds(2), 9'000'000);
  EXPECT_EQ(standing.watermark, 9'000'000 - 6);
  EXPECT_FALSE(standing.idle);
}

TEST(split_watermarks, the_fastest_wait_for_the_slowest_of_all_readers) {
  auto alignment = std::make_shared<split_alignment>();
  split_watermarks fast(settings(0, 0, 100), true, alignment, 0), slow(settings(0, 0, 100), true, alignment, 1);
  fast.add();
  slow.add();
  fast.announce(0, 1000);
  (void)fast.combined(seconds(0), 0);
  EXPECT_TRUE(fast.must_wait(0));  // nobody knows yet where the other one is
  slow.announce(0, 899);
  (void)slow.combined(seconds(0), 0);
  EXPECT_TRUE(fast.must_wait(0));
  EXPECT_FALSE(slow.must_wait(0));
  slow.announce(0, 900);
  (void)slow.combined(seconds(0), 0);
  EXPECT_FALSE(fast.must_wait(0));
}

TEST(split_watermarks, readers_of_other_processes_are_waited_for_once_they_are_heard) {
  auto alignment = std::make_shared<split_alignment>();
  split_watermarks fast(settings(0, 0, 100), true, alignment, 0);
  fast.add();
  fast.announce(0, 1000);
  (void)fast.combined(seconds(0), 0);
  EXPECT_FALSE(fast.must_wait(0));
  alignment->hear("another", 899);
  EXPECT_TRUE(fast.must_wait(0));
  EXPECT_EQ(alignment->slowest_here(), 1000);  // what the other one is told in turn
  EXPECT_EQ(alignment->slowest(), 899);
  alignment->hear("another", 900);
  EXPECT_FALSE(fast.must_wait(0));
  alignment->hear("a third", watermark_none);
  EXPECT_TRUE(fast.must_wait(0));
  alignment->hear("a third", watermark_end);  // it has nothing more
  EXPECT_FALSE(fast.must_wait(0));
}

}  // namespace
}  // namespace systole
