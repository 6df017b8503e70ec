#include "coordination/credit.h"

#include <gtest/gtest.h>

#include <deque>

#include "tests/support/seed.h"

namespace systole::testing {
namespace {

TEST(credit, small_grants_wait_until_they_are_worth_a_message) {
  credit_receiver receiver(1000, 250);
  receiver.on_received(300);
  EXPECT_EQ(receiver.on_consumed(100), 0u);
  EXPECT_EQ(receiver.on_consumed(150), 250u);
  EXPECT_EQ(receiver.on_consumed(50), 0u);
}

TEST(credit, a_sender_that_may_be_waiting_gets_its_credit_at_once) {
  credit_receiver receiver(1000, 400);
  receiver.on_received(1000);
  EXPECT_EQ(receiver.on_consumed(10), 10u);
}

/// A sender with a backlog, a receiver that consumes at random moments, messages that take their time (in order per
/// direction): everything arrives, and never more than the budget and one frame is outstanding.
TEST(credit, random_delays_keep_the_budget_and_never_hang) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice random(seed);
  for (int round = 0; round < 300; ++round) {
    const auto budget = static_cast<uint64_t>(random.between(1, 10'000));
    const auto largest = random.between(1, 20'000);
    credit_sender sender(budget);
    credit_receiver receiver(budget, static_cast<uint64_t>(random.between(1, 5'000)));
    std::deque<uint64_t> backlog, data_wire, inbox, grant_wire;
    uint64_t sent = 0, consumed = 0, granted = 0, outstanding = 0;
    for (int i = 0; i < 200; ++i) backlog.push_back(static_cast<uint64_t>(random.between(1, largest)));
    uint64_t total = 0;
    for (const uint64_t each : backlog) total += each;
    for (int idle = 0; consumed < total;) {
      bool moved = false;
      switch (random.between(0, 3)) {
        case 0:
          if (!backlog.empty() && sender.has_credit()) {
            sender.spend(backlog.front());
            outstanding += backlog.front();
            sent += backlog.front();
            data_wire.push_back(backlog.front());
            backlog.pop_front();
            moved = true;
          }
          break;
        case 1:
          if (!data_wire.empty()) {
            receiver.on_received(data_wire.front());
            inbox.push_back(data_wire.front());
            data_wire.pop_front();
            moved = true;
          }
          break;
        case 2:
          if (!inbox.empty()) {
            consumed += inbox.front();
            outstanding -= inbox.front();
            if (const uint64_t grant = receiver.on_consumed(inbox.front()); grant > 0) grant_wire.push_back(grant);
            inbox.pop_front();
            moved = true;
          }
          break;
        case 3:
          if (!grant_wire.empty()) {
            sender.grant(grant_wire.front());
            granted += grant_wire.front();
            grant_wire.pop_front();
            moved = true;
          }
          break;
      }
      ASSERT_LE(outstanding, budget + static_cast<uint64_t>(largest));
      ASSERT_LE(granted, consumed);
      idle = moved ? 0 : idle + 1;
      ASSERT_LT(idle, 1000) << "everybody waits: " << sender.available() << " of " << budget;
    }
    ASSERT_EQ(sent, total);
  }
}

}  // namespace
}  // namespace systole::testing
