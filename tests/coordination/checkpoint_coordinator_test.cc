#include "coordination/checkpoint_coordinator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "tests/support/seed.h"

namespace systole::testing {
namespace {

using coordinator = checkpoint_coordinator;
using kind = coordinator::action::kind;

coordinator::settings two_by_two() {
  return {.tasks = 2, .sinks = 2, .interval_us = 1'000, .timeout_us = 10'000, .first = epoch_id(1)};
}

TEST(checkpoint_coordinator, walks_through_an_epoch) {
  coordinator it(two_by_two(), 0);
  EXPECT_TRUE(it.on_time(999).empty());
  auto actions = it.on_time(1'000);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].do_this, kind::trigger);
  EXPECT_EQ(actions[0].what, (barrier{epoch_id(1), barrier_kind::checkpoint}));
  EXPECT_TRUE(it.on_ack(0, epoch_id(1), 1'100).empty());
  EXPECT_TRUE(it.on_ack(0, epoch_id(1), 1'150).empty()) << "the same ack twice counts once";
  actions = it.on_ack(1, epoch_id(1), 1'200);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].do_this, kind::store);
  actions = it.on_stored(epoch_id(1), 1'300);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].do_this, kind::commit);
  EXPECT_EQ(actions[0].previous, epoch_id(0));
  EXPECT_EQ(it.last_completed(), epoch_id(1));
  EXPECT_TRUE(it.on_committed(0, epoch_id(1), 1'400).empty());
  EXPECT_TRUE(it.on_time(5'000).empty()) << "the next waits for all sinks";
  actions = it.on_committed(1, epoch_id(1), 5'100);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].what.epoch, epoch_id(2));
}

TEST(checkpoint_coordinator, a_time_out_aborts_and_its_number_is_not_used_again) {
  coordinator it(two_by_two(), 0);
  (void)it.on_time(1'000);
  (void)it.on_ack(0, epoch_id(1), 1'100);
  auto actions = it.on_time(11'000);
  ASSERT_GE(actions.size(), 1u);
  EXPECT_EQ(actions[0].do_this, kind::abort);
  EXPECT_TRUE(it.on_ack(1, epoch_id(1), 11'100).empty()) << "too late";
  actions = it.on_time(20'000);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].what.epoch, epoch_id(2));
  EXPECT_EQ(actions[0].previous, epoch_id(0));
}

TEST(checkpoint_coordinator, too_many_aborts_in_a_row_fail_the_attempt) {
  coordinator::settings with = two_by_two();
  with.most_aborts = 3;
  coordinator it(with, 0);
  timestamp_us now = 0;
  for (int i = 0; i < 100; ++i) {
    now += 5'000;
    for (const auto& action : it.on_time(now))
      if (action.do_this == kind::fail) return SUCCEED();
  }
  FAIL() << "it went on for ever";
}

TEST(checkpoint_coordinator, the_final_epoch_follows_the_end_of_all_tasks) {
  coordinator it(two_by_two(), 0);
  EXPECT_TRUE(it.on_task_finished(0, 10).empty());
  auto actions = it.on_task_finished(1, 20);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].what.kind, barrier_kind::final);
  (void)it.on_ack(0, epoch_id(1), 30);
  (void)it.on_ack(1, epoch_id(1), 30);
  (void)it.on_stored(epoch_id(1), 40);
  (void)it.on_committed(0, epoch_id(1), 50);
  actions = it.on_committed(1, epoch_id(1), 50);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].do_this, kind::finished);
  EXPECT_TRUE(it.on_time(1'000'000).empty());
}

TEST(checkpoint_coordinator, a_stop_waits_for_the_epoch_under_way) {
  coordinator it(two_by_two(), 0);
  (void)it.on_time(1'000);
  EXPECT_TRUE(it.request_stop(1'100).empty());
  (void)it.on_ack(0, epoch_id(1), 1'200);
  (void)it.on_ack(1, epoch_id(1), 1'200);
  (void)it.on_stored(epoch_id(1), 1'300);
  (void)it.on_committed(0, epoch_id(1), 1'400);
  auto actions = it.on_committed(1, epoch_id(1), 1'400);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].what, (barrier{epoch_id(2), barrier_kind::stop, epoch_id(1)}));
}

TEST(checkpoint_coordinator, without_an_interval_only_what_is_asked_for_happens) {
  coordinator::settings with = two_by_two();
  with.interval_us = 0;
  with.sinks = 0;
  coordinator it(with, 0);
  EXPECT_EQ(it.next_wakeup_us(), std::numeric_limits<timestamp_us>::max());
  ASSERT_EQ(it.request_epoch(5).size(), 1u);
  (void)it.on_ack(0, epoch_id(1), 6);
  (void)it.on_ack(1, epoch_id(1), 6);
  ASSERT_EQ(it.on_stored(epoch_id(1), 7).size(), 1u);
  EXPECT_FALSE(it.under_way());
}

TEST(checkpoint_coordinator, an_epoch_that_was_asked_for_is_tried_again_until_it_completes) {
  for (const int64_t interval_us : {int64_t{0}, int64_t{3'600'000'000}}) {
    coordinator::settings with = two_by_two();
    with.interval_us = interval_us;
    coordinator it(with, 0);
    ASSERT_EQ(it.request_epoch(5).size(), 1u);
    timestamp_us now = 5;
    for (uint64_t epoch = 2; epoch < 5; ++epoch) {
      now = it.next_wakeup_us();
      ASSERT_EQ(it.on_time(now).at(0).do_this, kind::abort);
      // Sources may wait for it, so not only after the interval; and not at once.
      EXPECT_GT(it.next_wakeup_us(), now);
      ASSERT_LE(it.next_wakeup_us(), now + 1'000'000);
      now = it.next_wakeup_us();
      const auto again = it.on_time(now);
      ASSERT_EQ(again.size(), 1u);
      EXPECT_EQ(again[0].what, (barrier{epoch_id(epoch), barrier_kind::checkpoint}));
    }
    for (uint32_t task : {0u, 1u}) (void)it.on_ack(task, epoch_id(4), now);
    (void)it.on_stored(epoch_id(4), now);
    for (uint32_t sink : {0u, 1u}) (void)it.on_committed(sink, epoch_id(4), now);
    EXPECT_FALSE(it.under_way());
    EXPECT_GT(it.next_wakeup_us(), now + 1'000'000) << "it was asked for once";
  }
}

/// A job with random delays, lost acks, failing tasks, outboxes that fill and attempts that crash at any moment, until
/// it finishes. Invariants: numbers grow over all attempts; one epoch at a time; `previous` is the last stored one; an
/// epoch is stored once and only with all acks; a sink is never told a commit before the store, nor the next epoch
/// before the last commit; the final epoch comes only after all input, and exactly one attempt ends the job.
TEST(checkpoint_coordinator, random_crashes_and_losses_keep_the_invariants) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice random(seed);
  for (int round = 0; round < 300; ++round) {
    const auto tasks = static_cast<uint32_t>(random.between(1, 4));
    const auto sinks = static_cast<uint32_t>(random.between(0, 3));
    uint64_t highest_used = 0, last_stored = 0, reserve = 1;
    timestamp_us now = 0;
    bool done = false;
    for (int attempt = 0; !done; ++attempt) {
      ASSERT_LT(attempt, 200);
      coordinator it({.tasks = tasks,
                      .sinks = sinks,
                      .interval_us = 1'000,
                      .timeout_us = 5'000,
                      .most_aborts = 100,
                      .first = epoch_id(reserve),
                      .last_completed = epoch_id(last_stored)},
                     now);
      struct event {
        enum { ack, stored, committed, finished, want } what;
        uint32_t who;
        uint64_t epoch;
      };
      std::multimap<timestamp_us, event> wire;
      for (uint32_t t = 0; t < tasks; ++t) wire.insert({now + random.between(5'000, 40'000), {event::finished, t, 0}});
      uint64_t under_way = 0, committing = 0;
      std::set<uint32_t> acked, committed;
      uint32_t finished = 0;
      const timestamp_us crash_at = random.chance(0.7) ? now + random.between(0, 40'000) : timestamp_us{1} << 60;
      while (!done && now < crash_at) {
        const timestamp_us next_message = wire.empty() ? timestamp_us{1} << 60 : wire.begin()->first;
        const timestamp_us next = std::min(next_message, it.next_wakeup_us());
        ASSERT_LT(next, timestamp_us{1} << 60) << "everybody waits for ever";
        now = std::max(now, next);
        if (now >= crash_at) break;
        coordinator::actions actions;
        if (next == next_message) {
          const event it_is = wire.begin()->second;
          wire.erase(wire.begin());
          switch (it_is.what) {
            case event::ack:
              if (it_is.epoch == under_way) acked.insert(it_is.who);
              actions = it.on_ack(it_is.who, epoch_id(it_is.epoch), now);
              break;
            case event::stored:
              last_stored = it_is.epoch;  // the log has it, whatever the coordinator learns of it
              actions = it.on_stored(epoch_id(it_is.epoch), now);
              break;
            case event::committed:
              committed.insert(it_is.who);
              actions = it.on_committed(it_is.who, epoch_id(it_is.epoch), now);
              break;
            case event::finished:
              ++finished;
              actions = it.on_task_finished(it_is.who, now);
              break;
            case event::want: actions = it.request_epoch(now); break;
          }
          if (random.chance(0.02)) wire.insert({now + random.between(0, 500), {event::want, 0, 0}});
        } else {
          actions = it.on_time(now);
        }
        if (committing != 0 && committed.size() == sinks) committing = 0;
        for (const auto& action : actions) {
          const uint64_t epoch = action.what.epoch.value;
          switch (action.do_this) {
            case kind::trigger:
              ASSERT_EQ(under_way, 0u);
              ASSERT_EQ(committing, 0u);
              ASSERT_GT(epoch, highest_used) << "a number was used twice";
              ASSERT_EQ(action.previous.value, last_stored);
              ASSERT_EQ(action.what.kind == barrier_kind::final, finished == tasks);
              highest_used = under_way = epoch;
              acked.clear();
              for (uint32_t t = 0; t < tasks; ++t)
                if (!random.chance(0.05)) wire.insert({now + random.between(0, 7'000), {event::ack, t, epoch}});
              break;
            case kind::abort:
              ASSERT_EQ(epoch, under_way);
              under_way = 0;
              break;
            case kind::store:
              ASSERT_EQ(epoch, under_way);
              ASSERT_EQ(acked.size(), tasks);
              wire.insert({now + random.between(0, 3'000), {event::stored, 0, epoch}});
              break;
            case kind::commit:
              ASSERT_EQ(epoch, last_stored);
              under_way = 0;
              committing = sinks > 0 ? epoch : 0;
              committed.clear();
              for (uint32_t s = 0; s < sinks; ++s)
                wire.insert({now + random.between(0, 3'000), {event::committed, s, epoch}});
              break;
            case kind::finished:
              ASSERT_EQ(committed.size(), sinks);
              ASSERT_EQ(finished, tasks);
              done = true;
              break;
            case kind::stopped: FAIL() << "nobody asked for it"; break;
            case kind::fail: FAIL() << action.reason; break;
          }
        }
      }
      // What the next attempt may use: this process's memory, or (a crash of the process) what the log reserves.
      reserve = random.chance(0.5) ? it.next_epoch().value : std::max(highest_used, last_stored) + 1;
    }
  }
}

}  // namespace
}  // namespace systole::testing
