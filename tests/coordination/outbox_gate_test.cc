#include "coordination/outbox_gate.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/support/seed.h"

namespace systole::testing {
namespace {

constexpr outbox_gate::limits small{.disk_bytes = 1000, .memory_bytes = 200, .on_the_way = 300};

TEST(outbox_gate, asks_for_an_epoch_at_half_and_pauses_where_what_is_on_the_way_still_fits) {
  outbox_gate gate(small);
  EXPECT_FALSE(gate.on_bytes(500, 0).ask);
  EXPECT_TRUE(gate.on_bytes(501, 0).ask);
  EXPECT_FALSE(gate.on_bytes(600, 0).ask) << "asked already";
  EXPECT_FALSE(gate.on_bytes(699, 0).pause);
  EXPECT_TRUE(gate.on_bytes(700, 0).pause);
  EXPECT_TRUE(gate.closed());
  gate.on_sealed();
  EXPECT_FALSE(gate.on_bytes(990, 0).ask) << "the commit under way frees it";
  gate.on_committed();
  EXPECT_TRUE(gate.on_bytes(501, 0).ask) << "not enough";
  gate.on_sealed();
  gate.on_committed();
  const auto open = gate.on_bytes(10, 0);
  EXPECT_TRUE(open.go_on);
  EXPECT_FALSE(open.ask);
  EXPECT_FALSE(gate.closed());
}

TEST(outbox_gate, memory_has_a_limit_of_its_own) {
  outbox_gate gate(small);
  EXPECT_TRUE(gate.on_bytes(101, 101).ask);
  EXPECT_TRUE(gate.on_bytes(200, 200).pause);
  EXPECT_FALSE(gate.on_bytes(200, 101).go_on);
  EXPECT_TRUE(gate.on_bytes(200, 100).go_on);
}

TEST(outbox_gate, leaves_half_where_more_than_that_may_be_on_the_way) {
  outbox_gate gate({.disk_bytes = 1000, .memory_bytes = 1000, .on_the_way = 5000});
  EXPECT_FALSE(gate.on_bytes(499, 0).pause);
  EXPECT_TRUE(gate.on_bytes(500, 0).pause);
}

/// A source that is always ahead, a commit that takes as long as it likes.
TEST(outbox_gate, random_commits_keep_the_limit_and_never_hang) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice random(seed);
  outbox_gate gate(small);
  uint64_t current = 0, sealed = 0, on_the_way = 0, taken = 0;
  bool wanted = false, paused = false;
  const auto look = [&] {
    const auto change = gate.on_bytes(current + sealed, 0);
    wanted |= change.ask;
    if (change.pause) paused = true;
    if (change.go_on) paused = false;
  };
  int stuck = 0;
  for (int step = 0; step < 200'000; ++step, ++stuck) {
    ASSERT_LT(stuck, 10'000) << "nothing moves any more";
    switch (random.between(0, 7)) {
      default:
        if (!paused) on_the_way = std::min(small.on_the_way, on_the_way + static_cast<uint64_t>(random.between(1, 20)));
        if (on_the_way > 0) {
          const uint64_t bytes = std::min(on_the_way, static_cast<uint64_t>(random.between(1, 20)));
          on_the_way -= bytes, current += bytes, taken += bytes, stuck = 0;
          look();
        }
        break;
      case 6:
        if (!wanted || sealed > 0) break;
        // The barrier is behind what is on the way.
        current += on_the_way, on_the_way = 0;
        ASSERT_LE(current + sealed, small.disk_bytes + 20);
        sealed = std::exchange(current, 0);
        wanted = false;
        gate.on_sealed();
        break;
      case 7:
        if (sealed == 0) break;
        sealed = 0;
        gate.on_committed();
        look();
        break;
    }
    ASSERT_LE(current + sealed, small.disk_bytes + 20);
  }
  EXPECT_GT(taken, 100 * small.disk_bytes);
}

}  // namespace
}  // namespace systole::testing
