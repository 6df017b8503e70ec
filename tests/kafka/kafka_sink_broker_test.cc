// The Kafka sink and a broker that dies: kill -9 and restart in every phase of an epoch, and in the middle of commits.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"
#include "tests/kafka/kafka_sink_run.h"
#include "tests/support/seed.h"

namespace systole::testing {
namespace {

class kafka_sink_broker : public ::testing::Test {
 protected:
  /// Goes on from the last complete checkpoint until an attempt gets through; as a job's restarts do.
  void go_on(kafka_sink_run& run) {
    for (int tries = 0; tries < 10; ++tries) {
      const auto begun = run.begin(2);
      if (begun) return;
      ASSERT_EQ(begun.error().code, error_code::unavailable) << begun.error().message;
    }
    FAIL() << "no attempt gets through";
  }
  kafka_broker broker_;
};

TEST_F(kafka_sink_broker, kill_9_in_every_phase_and_in_the_middle_of_commits) {
  kafka_sink_run run(broker_.servers(), "killed", "killed");
  go_on(run);
  const auto kill = [this] {
    broker_.kill_9();
    broker_.restart();
  };
  for (const std::string phase : {"written", "staged", "complete", "committed"}) {
    // Whatever an answer was lost to, the job goes on or begins again from its checkpoint.
    const auto epoch = [&]() -> result<void> {
      SYSTOLE_TRY(run.write(50));
      if (phase == "written") kill();
      SYSTOLE_TRY(run.stage());
      if (phase == "staged") kill();
      run.complete();
      if (phase == "complete") kill();
      SYSTOLE_TRY(run.commit());
      if (phase == "committed") kill();
      return {};
    };
    const int32_t before = run.position();
    const auto ran = epoch();
    if (!ran) {
      EXPECT_EQ(ran.error().code, error_code::unavailable) << phase << ": " << ran.error().message;
      go_on(run);
    }
    EXPECT_GE(run.position(), before);
    ASSERT_EQ(run.difference(broker_.servers()), "") << phase;
  }
  const uint64_t seed = make_seed();
  std::mt19937_64 chance(seed);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(run.write(50).has_value());
    if (auto staged = run.stage(); !staged) {
      go_on(run);
      continue;
    }
    run.complete();
    const auto delay = std::chrono::microseconds(chance() % 8'000);
    result<void> committed;
    // The broker's process ends with the thread that started it, so the commit is the one to have a thread of its own.
    std::thread committer([&] { committed = run.commit(); });
    const auto at = std::chrono::steady_clock::now() + delay;
    while (std::chrono::steady_clock::now() < at) std::this_thread::yield();
    kill();
    committer.join();
    if (!committed) {
      EXPECT_EQ(committed.error().code, error_code::unavailable) << committed.error().message;
      go_on(run);
    }
    ASSERT_EQ(run.difference(broker_.servers()), "") << "seed " << seed << ", delay " << delay.count() << " us";
  }
}

TEST_F(kafka_sink_broker, an_outage_ends_the_attempt_and_a_later_one_goes_on) {
  kafka_sink_run run(broker_.servers(), "away", "away", [](kafka_sink_settings& made) { made.answer_ms = 3'000; });
  go_on(run);
  ASSERT_TRUE(run.epoch(20).has_value());
  ASSERT_TRUE(run.write(20).has_value());
  ASSERT_TRUE(run.stage().has_value());
  run.complete();
  broker_.kill_9();
  const auto committed = run.commit();
  ASSERT_FALSE(committed.has_value());
  EXPECT_EQ(committed.error().code, error_code::unavailable) << committed.error().message;
  const auto begun = run.begin(2);
  ASSERT_FALSE(begun.has_value());
  EXPECT_EQ(begun.error().code, error_code::unavailable) << begun.error().message;
  broker_.restart();
  go_on(run);
  EXPECT_EQ(run.difference(broker_.servers()), "");
}

/// Only what is allowed on the topic.
void allow(const std::string& servers, const std::string& topic, rd_kafka_AclOperation_t operation) {
  const kafka_handle client = make_kafka_handle(RD_KAFKA_PRODUCER, {{"bootstrap.servers", servers}});
  char text[256];
  rd_kafka_AclBinding_t* binding = rd_kafka_AclBinding_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL,
                                                           "User:ANONYMOUS", "*", operation, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
                                                           text, sizeof text);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client.get());
  rd_kafka_CreateAcls(client.get(), &binding, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 20'000);
  EXPECT_TRUE(event && !rd_kafka_event_error(event));
  if (event) rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_AclBinding_destroy(binding);
}

TEST(kafka_sink_acl, a_topic_that_may_not_be_written_is_told_before_the_checkpoint) {
  kafka_broker broker({.properties = {{"authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"},
                                      {"allow.everyone.if.no.acl.found", "true"}}});
  broker.create_topic("guarded", 1);
  allow(broker.servers(), "guarded", RD_KAFKA_ACL_OPERATION_DESCRIBE);
  kafka_sink_run run(broker.servers(), "guarded", "guarded");
  ASSERT_TRUE(run.begin(1).has_value());
  ASSERT_TRUE(run.write(2).has_value());
  const auto staged = run.stage();
  ASSERT_FALSE(staged.has_value());
  EXPECT_EQ(staged.error().code, error_code::invalid_argument) << staged.error().message;
  EXPECT_NE(staged.error().message.find("guarded"), std::string::npos) << staged.error().message;
}

}  // namespace
}  // namespace systole::testing
