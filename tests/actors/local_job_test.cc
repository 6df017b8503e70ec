#include "actors/local_job.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>

#include "tests/actors/fakes.h"

namespace systole::testing {
namespace {

/// With the parallelism, and whether the sink's shards commit by themselves.
class local_job_test : public ::testing::TestWithParam<std::tuple<uint32_t, bool>> {
 protected:
  local_job_test() {
    std::string pattern = (std::filesystem::temp_directory_path() / "systole-job-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    options_.state_directory = directory_ + "/state";
    options_.in_memory = true;
    options_.progress_interval = std::chrono::milliseconds(5);
    world_->shards_commit = std::get<1>(GetParam());
  }
  ~local_job_test() override { std::filesystem::remove_all(directory_); }

  uint32_t parallelism() const { return std::get<0>(GetParam()); }
  job_outcome run(const proto::PhysicalPlan& plan) {
    return local_job(plan, options_, fake_components(world_, posix_file_system(), system_clock())).run();
  }
  std::vector<std::string> published(const std::string& sink = "out") {
    std::vector<std::string> rows = world_->published[sink];
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  std::string directory_;
  std::shared_ptr<fake_world> world_ = std::make_shared<fake_world>();
  local_job_options options_;
};

TEST_P(local_job_test, runs_to_the_end_and_publishes_each_row_once) {
  world_->records = 20'000;
  const job_outcome outcome = run(counting_plan(parallelism()));
  ASSERT_EQ(outcome.how, job_outcome::kind::finished) << (outcome.cause ? outcome.cause->message : "");
  EXPECT_EQ(published(), expected_counts(20'000));
  EXPECT_GE(outcome.checkpoints, 1u);
}

TEST_P(local_job_test, accounts_for_every_row) {
  world_->records = 1'000;
  const job_outcome outcome = run(counting_plan(parallelism(), true));
  ASSERT_EQ(outcome.how, job_outcome::kind::finished) << (outcome.cause ? outcome.cause->message : "");
  EXPECT_EQ(published(), expected_counts(1'000, true));
  const std::vector<std::string> rejected = published("rejected");
  EXPECT_EQ(rejected.size(), 100u);
  EXPECT_EQ(rejected.front(), "picky,three");
  ASSERT_EQ(outcome.steps.size(), 5u);
  EXPECT_EQ(outcome.steps[0].counts.in, 1'000u);
  EXPECT_EQ(outcome.steps[0].counts.out, 1'000u);
  EXPECT_EQ(outcome.steps[1].kind, "filter");
  EXPECT_EQ(outcome.steps[1].counts.in, 1'000u);
  EXPECT_EQ(outcome.steps[1].counts.out, 900u);
  EXPECT_EQ(outcome.steps[1].counts.rejected, 100u);
  EXPECT_EQ(outcome.steps[1].counts.by_rule.at("three"), 100u);
  EXPECT_EQ(outcome.steps[2].counts.in, 900u);
  EXPECT_EQ(outcome.steps[3].counts.in, 900u);
  EXPECT_EQ(outcome.steps[4].counts.in, 100u);
}

TEST_P(local_job_test, restarts_from_the_last_checkpoint_after_a_failure) {
  world_->records = 5'000;
  world_->fail_at = 3'000;
  world_->failures = 2;
  const job_outcome outcome = run(counting_plan(parallelism(), true));
  ASSERT_EQ(outcome.how, job_outcome::kind::finished) << (outcome.cause ? outcome.cause->message : "");
  ASSERT_EQ(outcome.attempts.size(), 2u);
  EXPECT_EQ(outcome.attempts[0].cause.message, "the reader failed on purpose");
  EXPECT_EQ(published(), expected_counts(5'000, true));
  EXPECT_EQ(published("rejected").size(), 500u);
  EXPECT_EQ(outcome.steps[0].counts.in, 5'000u);
  EXPECT_EQ(outcome.steps[1].counts.rejected, 500u);
}

TEST_P(local_job_test, gives_up_on_poison_and_keeps_the_causes) {
  world_->records = 1'000;
  world_->fail_at = 0;
  world_->failures = 1'000'000;
  const job_outcome outcome = run(counting_plan(parallelism()));
  EXPECT_EQ(outcome.how, job_outcome::kind::failed);
  ASSERT_TRUE(outcome.cause);
  EXPECT_EQ(outcome.cause->message, "the reader failed on purpose");
  EXPECT_EQ(outcome.attempts.size(), 3u);
  EXPECT_NE(outcome.advice.find("3 times"), std::string::npos) << outcome.advice;
}

TEST_P(local_job_test, a_sink_that_is_away_for_a_while_loses_nothing) {
  world_->records = 3'000;
  world_->commit_failures = 4;
  const job_outcome outcome = run(counting_plan(parallelism()));
  ASSERT_EQ(outcome.how, job_outcome::kind::finished) << (outcome.cause ? outcome.cause->message : "");
  EXPECT_GE(outcome.attempts.size(), 1u);
  EXPECT_EQ(world_->commit_failures, 0u);
  EXPECT_EQ(published(), expected_counts(3'000));
}

TEST_P(local_job_test, each_commit_that_fails_is_counted_once) {
  world_->records = 3'000;
  world_->commit_failures = 1;
  local_job job(counting_plan(parallelism()), options_, fake_components(world_, posix_file_system(), system_clock()));
  ASSERT_EQ(job.run().how, job_outcome::kind::finished);
  uint64_t counted = 0;
  for (const step_metrics& step : job.metrics().steps) counted += step.sink_errors;
  for (const sink_commit_metrics& sink : job.control_metrics().sinks) counted += sink.errors;
  EXPECT_EQ(counted, 1u);
}

/// The sink takes a hundredth of what the source gives: no epoch comes by the clock, so it must come by the outbox.
TEST_P(local_job_test, a_slow_sink_holds_the_source_back_and_its_outbox_stays_within_its_limit) {
  world_->records = 400'000;
  world_->rows_per_poll = 50;
  world_->commit_takes = std::chrono::milliseconds(30);
  options_.checkpoint_interval = std::chrono::hours(1);
  options_.memory_bytes = limits::mebibyte;  // channels of 64 KiB
  options_.outbox_bytes = 256 * limits::kibibyte;
  const job_outcome outcome = run(counting_plan(parallelism()));
  ASSERT_EQ(outcome.how, job_outcome::kind::finished) << (outcome.cause ? outcome.cause->message : "");
  EXPECT_TRUE(published() == expected_counts(400'000));
  EXPECT_GE(outcome.checkpoints, 400'000 * 8 / options_.outbox_bytes / parallelism());
  EXPECT_GT(world_->most_outstanding_bytes, options_.outbox_bytes / 2);
  EXPECT_LE(world_->most_outstanding_bytes, options_.outbox_bytes + 1'000) << "the limit and a batch";
}

TEST_P(local_job_test, a_full_disk_stops_the_job_and_loses_nothing) {
  world_->records = 3'000;
  world_->fail_metadata = 1;
  world_->store_failure_code = error_code::disk_full;
  const job_outcome full = run(counting_plan(parallelism()));
  ASSERT_EQ(full.how, job_outcome::kind::failed);
  EXPECT_EQ(full.cause->code, error_code::disk_full);
  EXPECT_EQ(full.attempts.size(), 1u);
  const job_outcome again = run(counting_plan(parallelism()));
  ASSERT_EQ(again.how, job_outcome::kind::finished);
  EXPECT_EQ(published(), expected_counts(3'000));
}

TEST_P(local_job_test, stops_with_a_savepoint_and_resumes) {
  world_->records = 2'000;
  world_->endless = true;
  {
    local_job job(counting_plan(parallelism()), options_, fake_components(world_, posix_file_system(), system_clock()));
    std::future<job_outcome> running = std::async(std::launch::async, [&] { return job.run(); });
    while (true) {  // until something is published
      const std::lock_guard lock(world_->mutex);
      if (world_->published["out"].size() > 100) break;
    }
    job.request_stop();
    const job_outcome outcome = running.get();
    ASSERT_EQ(outcome.how, job_outcome::kind::stopped) << (outcome.cause ? outcome.cause->message : "");
    EXPECT_FALSE(outcome.drained);
    EXPECT_TRUE(world_->metadata.at(world_->log.back().completed().metadata().name()).savepoint());
  }
  world_->endless = false;
  world_->records = 4'000;
  const job_outcome resumed = run(counting_plan(parallelism()));
  ASSERT_EQ(resumed.how, job_outcome::kind::finished);
  EXPECT_EQ(published(), expected_counts(4'000));
  EXPECT_EQ(resumed.steps[0].counts.in, 4'000u);
}

TEST_P(local_job_test, a_drained_job_has_ended) {
  world_->records = 500;
  world_->endless = true;
  local_job job(counting_plan(parallelism()), options_, fake_components(world_, posix_file_system(), system_clock()));
  std::future<job_outcome> running = std::async(std::launch::async, [&] { return job.run(); });
  while (true) {
    const std::lock_guard lock(world_->mutex);
    if (world_->published["out"].size() == 500) break;
  }
  job.request_stop(true);
  const job_outcome outcome = running.get();
  ASSERT_EQ(outcome.how, job_outcome::kind::finished);
  EXPECT_TRUE(outcome.drained);
  EXPECT_EQ(published(), expected_counts(500));
}

TEST_P(local_job_test, a_finished_job_has_nothing_to_do) {
  world_->records = 100;
  ASSERT_EQ(run(counting_plan(parallelism())).how, job_outcome::kind::finished);
  const auto polls = world_->polls;
  const job_outcome again = run(counting_plan(parallelism()));
  EXPECT_EQ(again.how, job_outcome::kind::finished);
  EXPECT_TRUE(again.nothing_to_do);
  EXPECT_EQ(world_->polls, polls);
  EXPECT_EQ(published(), expected_counts(100));
}

TEST_P(local_job_test, refuses_a_second_process_on_the_same_state) {
  world_->records = 100;
  world_->endless = true;
  local_job job(counting_plan(parallelism()), options_, fake_components(world_, posix_file_system(), system_clock()));
  std::future<job_outcome> running = std::async(std::launch::async, [&] { return job.run(); });
  while (true) {
    const std::lock_guard lock(world_->mutex);
    if (!world_->published["out"].empty()) break;
  }
  const job_outcome second = run(counting_plan(parallelism()));
  ASSERT_EQ(second.how, job_outcome::kind::failed);
  EXPECT_EQ(second.cause->code, error_code::fenced);
  EXPECT_NE(second.cause->message.find(std::to_string(::getpid())), std::string::npos) << second.cause->message;
  job.request_stop();
  EXPECT_EQ(running.get().how, job_outcome::kind::stopped);
}

TEST_P(local_job_test, the_log_of_many_epochs_stays_short) {
  world_->records = 2'000 * parallelism();
  world_->rows_per_cut = 10;  // of a reader
  world_->real_state = true;
  options_.checkpoint_interval = std::chrono::microseconds(1);
  const job_outcome outcome = run(counting_plan(parallelism()));
  ASSERT_EQ(outcome.how, job_outcome::kind::finished) << (outcome.cause ? outcome.cause->message : "");
  EXPECT_GT(outcome.checkpoints, 150u) << "more than fit without folding";
  const auto log = std::filesystem::directory_iterator(options_.state_directory + "/checkpoints/log");
  EXPECT_LE(std::distance(begin(log), end(log)), 135);
  EXPECT_TRUE(run(counting_plan(parallelism())).nothing_to_do) << "what was folded still tells that the job has ended";
}

TEST_P(local_job_test, reports_progress) {
  world_->records = 50'000;
  std::vector<job_progress> seen;
  options_.progress_interval = std::chrono::milliseconds(1);
  options_.on_progress = [&](const job_progress& now) { seen.push_back(now); };
  ASSERT_EQ(run(counting_plan(parallelism())).how, job_outcome::kind::finished);
  ASSERT_FALSE(seen.empty());
  ASSERT_EQ(seen.back().sources.size(), 1u);
  EXPECT_EQ(seen.back().sources[0].step, "numbers");
  EXPECT_EQ(seen.back().sources[0].in, 50'000u);
  EXPECT_EQ(seen.back().sinks[0].in, 50'000u);
  EXPECT_EQ(seen.back().watermark, watermark_end);
  EXPECT_GT(seen.back().last_epoch, 0u);
}

INSTANTIATE_TEST_SUITE_P(parallelism, local_job_test,
                         ::testing::Combine(::testing::Values(1u, 2u, 3u), ::testing::Bool()));

}  // namespace
}  // namespace systole::testing
