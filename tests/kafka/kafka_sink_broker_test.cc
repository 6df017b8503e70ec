// The Kafka sink and a broker that dies: kill -9 and restart in every phase of an epoch, and in the middle of commits.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "tests/kafka/kafka_broker.h"
#include "tests/kafka/kafka_records.h"
#include "tests/kafka/kafka_sink_run.h"

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
  const uint64_t seed = std::random_device()();
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

}  // namespace
}  // namespace systole::testing
