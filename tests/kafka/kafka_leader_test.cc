// Two brokers, and a leader that changes: killed with -9, and handed back once it has caught up. The source goes on
// where it was, the sink's epochs are there once.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include "tests/kafka/kafka_cluster.h"
#include "tests/kafka/kafka_sink_run.h"
#include "tests/kafka/source_fixture.h"
#include "tests/support/seed.h"

namespace systole {
namespace {

kafka_cluster& cluster() {
  static kafka_cluster made;
  return made;
}

constexpr int partitions = 3;

class kafka_source_leader : public kafka_source_fixture {
 protected:
  kafka_source_leader() : kafka_source_fixture(cluster().second(), cluster().servers()) {}

  /// Gives numbers to all partitions, 50 of each at once, until it is told to end. Each partition's grow by `partitions`.
  void give_until(const std::atomic<bool>& end) {
    for (int64_t next = 0; !end; next += 50) {
      std::vector<topic_record> records;
      for (int64_t n = next; n < next + 50; ++n)
        for (int p = 0; p < partitions; ++p)
          records.push_back({.value = value(n * partitions + p, n), .partition = p});
      produce(servers, topic, records, {{"enable.idempotence", "true"}});
      given = (next + 50) * partitions;
    }
  }
  /// A reader on a thread of its own, until it has as many rows as `wanted` says and a watermark that counts the last of
  /// each partition; or failed.
  struct reading {
    std::unique_ptr<source_factory> from;
    std::unique_ptr<source_reader> read;
    seen_rows seen;
    std::atomic<size_t> rows{0};
    std::atomic<bool> failed{false};
    std::string why;
    std::thread thread;
  };
  void begin(reading& with, const proto::Source& of) {
    with.from = factory(of);
    with.read = reader(*with.from);
    with.thread = std::thread([this, &with] {
      const auto done = poll_until(
          *with.read, with.seen,
          [&](const seen_rows& it) {
            with.rows = it.rows();
            return it.rows() >= wanted && it.watermark >= first_us + (given / partitions - 1) * 1'000'000 - 1;
          },
          std::chrono::seconds(60));
      if (!done) with.why = done.error().message;
      with.failed = !done;
    });
  }
  /// Until it has read `more` rows more than now. False where it has failed, or stands.
  static bool goes_on(const reading& with, size_t more) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (const size_t before = with.rows; with.rows < before + more;) {
      if (with.failed || std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // another thread reads
    }
    return true;
  }
  /// Every number once, and each partition's in their order.
  static std::string difference(const seen_rows& seen, int64_t count) {
    std::vector<int64_t> next(partitions);
    for (int p = 0; p < partitions; ++p) next[static_cast<size_t>(p)] = p;
    for (const int64_t n : seen.numbers) {
      int64_t& expected = next[static_cast<size_t>(n % partitions)];
      if (n != expected) return std::to_string(n) + " comes where " + std::to_string(expected) + " is next";
      expected += partitions;
    }
    for (const int64_t each : next)
      if (each < count) return std::to_string(each) + " is missing of " + std::to_string(count);
    return {};
  }

  std::atomic<int64_t> given{0};
  std::atomic<size_t> wanted{SIZE_MAX};
};

TEST_F(kafka_source_leader, reads_each_record_once_while_leaders_die_and_move) {
  cluster().create_topic(topic, partitions);
  std::atomic<bool> end{false};
  std::thread giver([&] { give_until(end); });
  reading steady, late;
  begin(steady, timed());
  bool alive = goes_on(steady, 300);
  cluster().second().kill_9();
  // One that begins while nobody leads.
  begin(late, timed());
  cluster().wait_until_first_leads(topic);
  alive = alive && goes_on(steady, 600);
  cluster().second().restart();
  cluster().wait_until_second_leads(topic);  // handed over by live brokers
  alive = alive && goes_on(steady, 600);
  end = true;
  giver.join();
  wanted = static_cast<size_t>(given);
  steady.thread.join();
  late.thread.join();
  EXPECT_FALSE(steady.failed) << steady.why;
  EXPECT_FALSE(late.failed) << late.why;
  EXPECT_TRUE(alive);
  for (const reading* each : {&steady, &late}) {
    EXPECT_EQ(difference(each->seen, given), "");
    EXPECT_EQ(each->seen.rows(), wanted);
  }
  std::printf("%lld records\n", static_cast<long long>(given));
}

class kafka_sink_leader : public ::testing::Test {
 protected:
  /// Goes on from the last complete checkpoint until an attempt gets through; as a job's restarts do.
  static void go_on(testing::kafka_sink_run& run) {
    for (int tries = 0; tries < 10; ++tries) {
      const auto begun = run.begin(2);
      if (begun) return;
      ASSERT_EQ(begun.error().code, error_code::unavailable) << begun.error().message;
    }
    FAIL() << "no attempt gets through";
  }
  /// One epoch, or what the job does after it was not to be had.
  static void epoch(testing::kafka_sink_run& run, const std::function<void()>& staged, const std::function<void()>& committing) {
    const auto ran = [&]() -> result<void> {
      SYSTOLE_TRY(run.write(50));
      SYSTOLE_TRY(run.stage());
      if (staged) staged();
      run.complete();
      result<void> committed;
      std::thread committer([&] { committed = run.commit(); });
      if (committing) committing();  // on this thread, which the broker's process depends on
      committer.join();
      return committed;
    }();
    if (ran) return;
    ++restarts;
    EXPECT_EQ(ran.error().code, error_code::unavailable) << ran.error().message;
    go_on(run);
  }
  static inline int restarts = 0;
};

TEST_F(kafka_sink_leader, writes_each_epoch_once_while_leaders_die_and_move) {
  const std::string topic = "led", markers = "systole.led.out.markers";
  cluster().create_topic(topic, 2);
  cluster().create_topic(markers, 2);  // the sink finds it made
  testing::kafka_sink_run run(cluster().servers(), topic, topic);
  go_on(run);
  epoch(run, {}, {});
  const auto kill = [] { cluster().second().kill_9(); };
  epoch(run, kill, {});  // with two transactions open
  ASSERT_EQ(run.difference(cluster().servers()), "");
  cluster().second().restart();
  // Epochs go on until the leader of both topics has moved back, and beyond.
  std::atomic<bool> moved{false};
  std::thread waiting([&] {
    cluster().wait_until_second_leads(topic);
    cluster().wait_until_second_leads(markers);
    moved = true;
  });
  while (!moved && !HasFatalFailure()) epoch(run, {}, {});
  waiting.join();
  epoch(run, {}, {});
  ASSERT_EQ(run.difference(cluster().servers()), "");
  const uint64_t seed = testing::make_seed();
  std::mt19937_64 chance(seed);
  const auto delay = std::chrono::microseconds(chance() % 4'000);
  epoch(run, {}, [&] {
    std::this_thread::sleep_for(delay);  // into the commits
    kill();
  });
  ASSERT_EQ(run.difference(cluster().servers()), "") << "seed " << seed << ", delay " << delay.count() << " us";
  epoch(run, {}, {});
  EXPECT_EQ(run.difference(cluster().servers()), "") << "seed " << seed;
  std::printf("%d rows, %d restarts\n", run.position(), restarts);
}

}  // namespace
}  // namespace systole
