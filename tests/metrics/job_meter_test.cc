#include "actors/job_meter.h"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>

#include "actors/local_job.h"
#include "tests/actors/fakes.h"

namespace systole::testing {
namespace {

class job_meter_test : public ::testing::Test {
 protected:
  /// An attempt at a parallelism; counters of its tasks are in tasks_.
  void begin(uint32_t parallelism, std::optional<size_t> only = std::nullopt) {
    plan_ = counting_plan(parallelism, true);
    whole_ = expand_plan(plan_).value();
    tasks_.clear();
    for (const planned_task& each : whole_.tasks) {
      const bool here = !only || *only == each.index;
      tasks_.push_back(here ? std::make_shared<task_counters>(each.nodes.size()) : nullptr);
    }
  }
  void start() { meter_.begin(plan_, whole_, tasks_); }

  /// The counters of a step's node in a subtask.
  node_counters& node(const std::string& step, uint32_t subtask) {
    for (const planned_task& each : whole_.tasks)
      for (size_t i = 0; i < each.nodes.size(); ++i)
        if (each.subtask == subtask && find_node(plan_, each.nodes[i])->step() == step)
          return tasks_[each.index]->nodes[i];
    throw std::runtime_error("no such node");
  }
  static const step_metrics& of(const job_metrics& all, const std::string& step) {
    for (const step_metrics& each : all.steps)
      if (each.step == step) return each;
    throw std::runtime_error("no such step");
  }

  manual_clock time_{1'000'000};
  job_meter meter_{"counting", time_};
  proto::PhysicalPlan plan_;
  deployment whole_;
  std::vector<std::shared_ptr<task_counters>> tasks_;
  std::string source_ = counting_plan(2, true).nodes(0).step();
};

TEST_F(job_meter_test, adds_subtasks_up_and_shows_the_worst) {
  begin(2);
  node(source_, 0).in = 10;
  node(source_, 1).in = 5;
  node(source_, 0).watermark = 700;
  node(source_, 1).watermark = 300;
  node(source_, 0).lag_records = 3;
  node(source_, 1).lag_records = 9;
  start();
  const job_metrics read = meter_.read();
  const step_metrics& source = of(read, source_);
  EXPECT_EQ(source.in, 15u);
  EXPECT_EQ(source.watermark, 300);
  EXPECT_EQ(source.lag_records, 12u);
  EXPECT_EQ(source.lag_records_max, 9u);
}

TEST_F(job_meter_test, a_subtask_without_rows_does_not_hide_the_watermark) {
  begin(2);
  node(source_, 0).watermark = 700;
  start();
  EXPECT_EQ(of(meter_.read(), source_).watermark, 700);
}

TEST_F(job_meter_test, counts_go_on_over_attempts_also_at_another_parallelism) {
  begin(2);
  start();
  node(source_, 0).in = 10;
  node(source_, 1).in = 5;
  node("out", 0).committed = 4;
  node("out", 0).latency.observe(2'000);
  tasks_[0]->time.enter(task_time::state::working, time_.monotonic());
  tasks_[0]->alignment.observe(1'000);
  time_.advance(std::chrono::seconds(3));
  const job_metrics before = meter_.read();
  EXPECT_EQ(of(before, source_).busy, std::chrono::seconds(3));
  meter_.end();
  time_.advance(std::chrono::seconds(100));  // no attempt runs
  EXPECT_EQ(of(meter_.read(), source_).in, 15u);

  begin(4);
  node(source_, 3).in = 1'007;  // it had 1,000 in the checkpoint, which this process has counted already
  node(source_, 3).restored_in = 1'000;
  start();
  const job_metrics after = meter_.read();
  EXPECT_EQ(of(after, source_).in, 22u);
  EXPECT_EQ(of(after, "out").committed, 4u);
  EXPECT_EQ(of(after, "out").latency.total(), 1u);
  EXPECT_EQ(of(after, source_).busy, std::chrono::seconds(3));
  EXPECT_EQ(of(after, source_).busy_max, std::chrono::seconds(3));
  EXPECT_EQ(after.alignment.total(), 1u);
}

TEST_F(job_meter_test, late_rows_are_not_among_the_rejected) {
  begin(1);
  start();
  node("picky", 0).rejected = 7;
  node("picky", 0).late = 2;
  node("picky", 0).by_rule.publish({{"late", 2}, {"three", 5}});
  const job_metrics read = meter_.read();
  EXPECT_EQ(of(read, "picky").rejected, 5u);
  EXPECT_EQ(of(read, "picky").late, 2u);
  EXPECT_EQ(of(read, "picky").rejected_by_rule, (std::map<std::string, uint64_t>{{"three", 5}}));
}

TEST_F(job_meter_test, a_worker_counts_what_it_has) {
  begin(2, 0);
  node(source_, 0).in = 10;
  start();
  EXPECT_EQ(of(meter_.read(), source_).in, 10u);
}

TEST_F(job_meter_test, a_job_that_restarts_does_not_count_back) {
  auto world = std::make_shared<fake_world>();
  world->records = 30'000;
  world->fail_at = 15'000;
  world->failures = 2;
  std::string pattern = ::testing::TempDir() + "systole-meter-XXXXXX";
  const std::string directory = ::mkdtemp(pattern.data());
  local_job_options options;
  options.state_directory = directory;
  options.in_memory = true;
  options.progress_interval = std::chrono::milliseconds(1);
  options.checkpoint_interval = std::chrono::milliseconds(5);
  local_job* running = nullptr;
  std::map<std::string, uint64_t> last;
  const auto check = [&] {
    for (const step_metrics& each : running->metrics().steps) {
      EXPECT_GE(each.in, last[each.step + " in"]) << each.step;
      EXPECT_GE(each.committed, last[each.step + " committed"]) << each.step;
      last[each.step + " in"] = each.in;
      last[each.step + " committed"] = each.committed;
    }
  };
  options.on_progress = [&](const job_progress&) { check(); };
  local_job job(counting_plan(2), options, fake_components(world, posix_file_system(), system_clock()));
  running = &job;
  const job_outcome outcome = job.run();
  ASSERT_EQ(outcome.how, job_outcome::kind::finished) << (outcome.cause ? outcome.cause->message : "");
  check();
  const job_control_metrics control = job.control_metrics();
  EXPECT_EQ(control.state, "finished");
  EXPECT_EQ(control.restarts.at(error_code::io), 2u);
  EXPECT_EQ(control.checkpoints_completed, outcome.checkpoints);
  EXPECT_EQ(control.checkpoint_duration.total(), outcome.checkpoints);
  EXPECT_GT(control.last_checkpoint_us, 0);
  ASSERT_EQ(control.sinks.size(), 1u);
  EXPECT_GT(control.sinks[0].duration.total(), 0u);
  const job_metrics metrics = job.metrics();
  EXPECT_GE(of(metrics, source_).in, 30'000u) << "rows that were read again count again";
  EXPECT_GT(of(metrics, "out").latency.total(), 0u);
  EXPECT_GT(of(metrics, source_).busy.count(), 0);
  EXPECT_GT(metrics.alignment.total(), 0u);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace systole::testing
