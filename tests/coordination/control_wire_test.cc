#include "coordination/control_wire.h"

#include <gtest/gtest.h>

#include "proto/control.pb.h"
#include "tests/coordination/every_field_set.h"
#include "tests/support/seed.h"

namespace systole::testing {
namespace {

/// Every field is set, so that one that is left out shows.
worker_report full_report() {
  attempt_report attempt;
  attempt.job = job_id(3);
  attempt.stamp = {term_id(4), attempt_id(5)};
  attempt.phase = attempt_phase::failed;
  attempt.tasks = {1, 2};
  attempt.finished = {2};
  attempt.closed = epoch_id(6);
  attempt.committed = epoch_id(7);
  attempt.drained = attempt.stopping = attempt.paused = attempt.wants_epoch = attempt.pressed = true;
  attempt.inputs_ended = true;
  attempt.cause = fail(error_code::internal, "why", "22012");
  return {{1, 2}, "w", "host:1", "rack", 8, 9, true, term_id(10), {attempt}};
}
attempt_order full_order() {
  return {term_id(1),
          {2, 3},
          job_id(4),
          {term_id(5), attempt_id(6)},
          attempt_goal::ended,
          {7},
          {{{8, 9}, "host:2", {10}}},
          epoch_id(11),
          12,
          true,
          true,
          true,
          true,
          epoch_id(13),
          epoch_id(14)};
}

TEST(control_wire, every_field_arrives) {
  proto::WorkerMessage report;
  const std::string bytes = encode(worker_message(full_report()));
  ASSERT_TRUE(report.ParseFromString(bytes));
  expect_all_set(report.report());
  expect_all_set(report.report().attempts(0));
  EXPECT_EQ(encode(*decode_worker_message(bytes)), bytes);

  proto::CoordinatorMessage order;
  const std::string ordered = encode(coordinator_message(full_order()));
  ASSERT_TRUE(order.ParseFromString(ordered));
  expect_all_set(order.order());
  expect_all_set(order.order().peers(0));
  EXPECT_EQ(encode(*decode_coordinator_message(ordered)), ordered);

  const epoch_order epoch{term_id(1),
                          {2, 3},
                          job_id(4),
                          {term_id(5), attempt_id(6)},
                          epoch_order::kind::commit,
                          {epoch_id(7), barrier_kind::final, epoch_id(8)},
                          epoch_id(9)};
  proto::CoordinatorMessage sent;
  const std::string cut = encode(coordinator_message(epoch));
  ASSERT_TRUE(sent.ParseFromString(cut));
  expect_all_set(sent.epoch());
  expect_all_set(sent.epoch().cut());
  EXPECT_EQ(encode(*decode_coordinator_message(cut)), cut);

  auto facts = std::make_shared<proto::TaskSnapshot>();
  facts->set_subtask(3);
  for (const worker_message& each :
       {worker_message(epoch_part{{1, 2}, job_id(3), {term_id(4), attempt_id(5)}, epoch_id(6), 7, facts}),
        worker_message(commit_part{{1, 2}, job_id(3), {term_id(4), attempt_id(5)}, epoch_id(6), 7}),
        worker_message(stale_notice{term_id(5)})})
    EXPECT_EQ(encode(*decode_worker_message(encode(each))), encode(each));
  const coordinator_message greeting = worker_greeting{term_id(1), {2, 3}, true, "/shared", "s3://bucket/x"};
  EXPECT_EQ(encode(*decode_coordinator_message(encode(greeting))), encode(greeting));
}

TEST(control_wire, what_a_newer_version_says_is_refused) {
  EXPECT_FALSE(decode_worker_message(""));
  EXPECT_FALSE(decode_coordinator_message("\xff\xff"));
  proto::CoordinatorMessage order;
  order.mutable_order()->set_goal(static_cast<proto::AttemptGoal>(17));
  const auto refused = decode_coordinator_message(order.SerializeAsString());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::corrupt);
}

TEST(control_wire, random_bytes_never_crash) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  dice random(seed);
  const std::string whole = encode(worker_message(full_report()));
  const std::string order = encode(coordinator_message(full_order()));
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = i % 2 == 0 ? whole : order;
    for (int64_t flips = random.between(1, 4); flips > 0; --flips)
      bytes[static_cast<size_t>(random.between(0, static_cast<int64_t>(bytes.size()) - 1))] =
          static_cast<char>(random.between(0, 255));
    bytes.resize(static_cast<size_t>(random.between(0, static_cast<int64_t>(bytes.size()))));
    (void)decode_worker_message(bytes).has_value();
    (void)decode_coordinator_message(bytes).has_value();
  }
}

}  // namespace
}  // namespace systole::testing
