#include "coordination/barrier_alignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>

#include "tests/support/seed.h"

namespace systole::testing {
namespace {

barrier at(uint64_t epoch) { return {epoch_id(epoch), barrier_kind::checkpoint}; }

TEST(barrier_alignment, blocks_a_channel_until_the_others_have_the_barrier) {
  barrier_alignment alignment(2);
  alignment.on_barrier(0, at(1));
  EXPECT_TRUE(alignment.blocked(0));
  EXPECT_FALSE(alignment.blocked(1));
  EXPECT_FALSE(alignment.aligned());
  alignment.on_barrier(1, at(1));
  ASSERT_TRUE(alignment.aligned());
  EXPECT_EQ(alignment.aligned()->epoch, epoch_id(1));
  alignment.taken();
  EXPECT_FALSE(alignment.blocked(0));
  EXPECT_FALSE(alignment.aligned());
}

TEST(barrier_alignment, a_finished_channel_counts_as_aligned) {
  barrier_alignment alignment(3);
  alignment.on_end(2);
  alignment.on_barrier(0, at(1));
  EXPECT_FALSE(alignment.aligned());
  alignment.on_end(1);  // ends while the others wait for it
  ASSERT_TRUE(alignment.aligned());
  alignment.taken();
  alignment.on_barrier(1, at(1));  // its barrier comes all the same
  EXPECT_FALSE(alignment.current());
}

TEST(barrier_alignment, barriers_of_finished_channels_align_where_all_have_finished) {
  barrier_alignment alignment(2);
  alignment.on_end(0);
  alignment.on_end(1);
  EXPECT_FALSE(alignment.aligned());
  alignment.on_barrier(1, at(4));
  ASSERT_TRUE(alignment.aligned());
  alignment.taken();
  alignment.on_barrier(0, at(4));
  EXPECT_FALSE(alignment.aligned());
}

TEST(barrier_alignment, an_abort_frees_the_channels_and_late_barriers_are_ignored) {
  barrier_alignment alignment(2);
  alignment.on_barrier(0, at(1));
  alignment.on_abort(epoch_id(1));
  EXPECT_FALSE(alignment.blocked(0));
  alignment.on_barrier(1, at(1));
  EXPECT_FALSE(alignment.blocked(1));
  alignment.on_barrier(0, at(2));
  alignment.on_barrier(1, at(2));
  EXPECT_EQ(alignment.aligned()->epoch, epoch_id(2));
}

TEST(barrier_alignment, a_newer_epoch_abandons_an_older_one) {
  barrier_alignment alignment(2);
  alignment.on_barrier(0, at(1));
  alignment.on_barrier(1, at(2));
  EXPECT_FALSE(alignment.blocked(0));
  EXPECT_TRUE(alignment.blocked(1));
  alignment.on_barrier(0, at(2));
  EXPECT_EQ(alignment.aligned()->epoch, epoch_id(2));
}

/// Channels with random rows, barriers and ends; some epochs are aborted, and a sender may never send their barriers.
/// Whatever the interleaving: a cut separates exactly the rows before its barriers from those after, and nothing hangs.
TEST(barrier_alignment, random_interleavings_cut_exactly_at_the_barriers) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice random(seed);
  for (int round = 0; round < 500; ++round) {
    const auto channels = static_cast<size_t>(random.between(1, 5));
    const auto epochs = static_cast<uint64_t>(random.between(1, 8));
    std::set<uint64_t> aborted;
    for (uint64_t e = 1; e < epochs; ++e)
      if (random.chance(0.3)) aborted.insert(e);
    struct event {
      enum { row, barrier, end } what;
      uint64_t epoch;  // rows: the epoch that they belong to
    };
    std::vector<std::deque<event>> wires(channels);
    std::vector<uint64_t> ends(channels, 0);  // the epoch after whose barrier a channel has ended
    for (size_t c = 0; c < channels; ++c) {
      bool ended = false;
      for (uint64_t e = 1; e <= epochs; ++e) {
        for (int64_t n = ended ? 0 : random.between(0, 3); n > 0; --n) wires[c].push_back({event::row, e});
        if (!ended && random.chance(0.1)) {
          wires[c].push_back({event::end, e});
          ended = true;
        }
        if (!aborted.contains(e) || random.chance(0.5)) wires[c].push_back({event::barrier, e});
      }
    }
    barrier_alignment alignment(channels);
    std::vector<uint64_t> taken;
    uint64_t next_abort = 1;
    size_t stuck = 0;
    while (true) {
      if (alignment.aligned()) {
        const uint64_t epoch = alignment.aligned()->epoch.value;
        for (size_t c = 0; c < channels; ++c)
          for (const event& left : wires[c])
            ASSERT_FALSE(left.what == event::row && left.epoch <= epoch) << "a row of the epoch was left out";
        if (!taken.empty()) {
          ASSERT_GT(epoch, taken.back());
        }
        taken.push_back(epoch);
        alignment.taken();
        stuck = 0;
        continue;
      }
      bool any = false;
      for (const auto& wire : wires) any |= !wire.empty();
      if (!any) break;
      const auto c = static_cast<size_t>(random.between(0, static_cast<int64_t>(channels) - 1));
      if (wires[c].empty() || alignment.blocked(c)) {
        // The coordinator times out: aborts come in order, at any moment.
        if (++stuck > 50) {
          while (next_abort <= epochs && !aborted.contains(next_abort)) ++next_abort;
          ASSERT_LE(next_abort, epochs) << "the channels wait for ever";
          alignment.on_abort(epoch_id(next_abort++));
          stuck = 0;
        }
        continue;
      }
      stuck = 0;
      const event next = wires[c].front();
      wires[c].pop_front();
      if (next.what == event::row) {
        // Rows of a later epoch must not pass while an earlier one that is still wanted is under way.
        if (alignment.current() && !aborted.contains(alignment.current()->epoch.value)) {
          ASSERT_LE(next.epoch, alignment.current()->epoch.value);
        }
        for (const uint64_t done : taken) ASSERT_GT(next.epoch, done) << "a row came after its epoch's cut";
      } else if (next.what == event::end) {
        alignment.on_end(c);
      } else {
        alignment.on_barrier(c, at(next.epoch));
      }
    }
    // Every epoch whose barriers all channels sent was taken, unless it was aborted.
    for (uint64_t e = 1; e <= epochs; ++e)
      if (!aborted.contains(e)) {
        ASSERT_EQ(std::count(taken.begin(), taken.end(), e), 1) << "epoch " << e;
      }
  }
}

}  // namespace
}  // namespace systole::testing
