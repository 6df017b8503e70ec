#include <gtest/gtest.h>

#include <thread>

#include "actors/sink_meter.h"
#include "actors/task_counters.h"

namespace systole::testing {
namespace {

using std::chrono::nanoseconds;

TEST(task_time_test, counts_what_runs_now_too) {
  task_time time;
  time.enter(task_time::state::working, nanoseconds(100));
  EXPECT_EQ(time.read(nanoseconds(150)).working, nanoseconds(50));
  time.enter(task_time::state::held, nanoseconds(200));
  time.enter(task_time::state::idle, nanoseconds(230));
  const task_time::reading spent = time.read(nanoseconds(1'000));
  EXPECT_EQ(spent.working, nanoseconds(100));
  EXPECT_EQ(spent.held, nanoseconds(30));
}

TEST(task_time_test, never_goes_back_while_it_is_written) {
  task_time time;
  std::atomic<int64_t> now{0};
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 200'000; ++i) {
      const int64_t at = now.load() + 1'000;
      time.enter(static_cast<task_time::state>(i % 3), nanoseconds(at));
      now = at;
    }
    done = true;
  });
  task_time::reading last;
  while (!done) {
    const task_time::reading spent = time.read(nanoseconds(now.load()));
    EXPECT_GE(spent.working, last.working);
    EXPECT_GE(spent.held, last.held);
    last = spent;
  }
  writer.join();
  // Of each three changes one begins work and one begins to be held.
  EXPECT_EQ(time.read(nanoseconds(now.load())).working.count(), 66'666 * 1'000);
}

TEST(rule_counters_test, tells_rules_apart_and_leaves_out_what_was_restored) {
  rule_counters counters;
  std::map<std::string, uint64_t> totals{{"a", 10}};
  counters.begin(totals);
  counters.publish(totals);
  totals["a"] += 2;
  totals["b"] = 3;
  counters.publish(totals);
  std::map<std::string, uint64_t> read;
  counters.add_to(read);
  EXPECT_EQ(read, (std::map<std::string, uint64_t>{{"a", 2}, {"b", 3}}));
}

TEST(rule_counters_test, has_a_limit_and_counts_the_rest_together) {
  rule_counters counters;
  std::map<std::string, uint64_t> totals;
  for (size_t i = 0; i < limits::metric_rules + 5; ++i) totals["rule-" + std::to_string(i)] = 2;
  counters.publish(totals);
  std::map<std::string, uint64_t> read;
  counters.add_to(read);
  EXPECT_EQ(read.size(), limits::metric_rules + 1);
  EXPECT_EQ(read["other"], 10u);
}

TEST(duration_histogram_test, puts_durations_between_bounds) {
  duration_histogram histogram;
  histogram.observe(1'000);    // a bound belongs to what is below it
  histogram.observe(1'001);
  histogram.observe(-5);       // clocks of two machines
  histogram.observe(int64_t{100'000} * 1'000'000);
  const duration_counts read = histogram.read();
  EXPECT_EQ(read.counts[0], 2u);
  EXPECT_EQ(read.counts[1], 1u);
  EXPECT_EQ(read.counts.back(), 1u);
  EXPECT_EQ(read.total(), 4u);
}

class sink_meter_test : public ::testing::Test {
 protected:
  node_counters counters_;
  manual_clock time_{1'000'000'000};
};

TEST_F(sink_meter_test, counts_rows_only_once_they_are_published) {
  sink_meter meter(counters_, time_, false);
  meter.on_written(10, time_.now_us() - 400'000);
  meter.on_sealed(epoch_id(1));
  meter.on_written(5, time_.now_us());
  meter.on_committed(epoch_id(0));
  EXPECT_EQ(counters_.committed, 0u);
  time_.advance(std::chrono::seconds(1));
  meter.on_committed(epoch_id(1));
  EXPECT_EQ(counters_.committed, 10u);
  EXPECT_EQ(counters_.latency.read().total(), 1u);
  EXPECT_EQ(counters_.latency.read().sum_us, 1'400'000);
  // An epoch that was aborted is published with the next one.
  meter.on_sealed(epoch_id(2));
  meter.on_written(7, 0);
  meter.on_sealed(epoch_id(3));
  meter.on_committed(epoch_id(3));
  EXPECT_EQ(counters_.committed, 22u);
  EXPECT_EQ(counters_.latency.read().total(), 2u) << "of the rows of epoch 3 nobody knows when they were read";
}

TEST_F(sink_meter_test, sees_rows_at_once_where_the_sink_shows_them_at_once) {
  sink_meter meter(counters_, time_, true);
  meter.on_written(10, time_.now_us() - 3'000);
  EXPECT_EQ(counters_.latency.read().total(), 1u);
  meter.on_sealed(epoch_id(1));
  meter.on_committed(epoch_id(1));
  EXPECT_EQ(counters_.latency.read().total(), 1u);
  EXPECT_EQ(counters_.committed, 10u);
}

TEST_F(sink_meter_test, spreads_its_sample_over_a_long_epoch) {
  sink_meter meter(counters_, time_, false);
  const timestamp_us start = time_.now_us();
  for (int i = 0; i < 10'000; ++i) {
    time_.advance(std::chrono::milliseconds(1));
    meter.on_written(1, time_.now_us());
  }
  meter.on_sealed(epoch_id(1));
  meter.on_committed(epoch_id(1));
  const duration_counts read = counters_.latency.read();
  EXPECT_LE(read.total(), sink_meter::sampled_batches);
  EXPECT_GE(read.total(), sink_meter::sampled_batches / 2);
  const double mean = static_cast<double>(read.sum_us) / static_cast<double>(read.total());
  const double half = static_cast<double>(time_.now_us() - start) / 2;
  EXPECT_NEAR(mean, half, half / 5);
  EXPECT_EQ(counters_.committed, 10'000u);
}

TEST_F(sink_meter_test, keeps_few_epochs_and_loses_no_row) {
  sink_meter meter(counters_, time_, false);
  for (uint64_t epoch = 1; epoch <= 100; ++epoch) {
    meter.on_written(1, time_.now_us());
    meter.on_sealed(epoch_id(epoch));
  }
  meter.on_committed(epoch_id(100));
  EXPECT_EQ(counters_.committed, 100u);
}

}  // namespace
}  // namespace systole::testing
