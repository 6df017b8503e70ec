#include "coordination/job_control.h"

#include <gtest/gtest.h>

namespace systole::testing::job_control_tests {
namespace {

using state = job_control::state;
constexpr job_id job{1};
constexpr incarnation_id one{1, 1}, two{2, 2};

/// A job of two tasks on two workers, one sink with a committer; orders and records are answered as a shell would.
struct driven_job {
  explicit driven_job(const job_control::origin& from = {}) {
    job_control::settings with;
    with.job = job;
    with.checkpoint_interval_us = 1'000'000;
    it.emplace(with, term_id(4), shape(), from, 0);
    take(it->open(0));
  }
  static job_control::shape shape() { return {{{0, 0, {}}, {0, 1, {}}}, {{false, {0, 1}}}}; }

  void take(job_control::actions what) {
    for (auto& each : what) {
      if (auto* sent = std::get_if<job_control::send>(&each)) {
        if (const auto* order = std::get_if<attempt_order>(&sent->what)) orders.push_back(*order);
        if (const auto* epoch = std::get_if<epoch_order>(&sent->what)) epochs.push_back(*epoch);
      } else if (auto* append = std::get_if<job_control::log_append>(&each)) {
        log.push_back(append->what);
      } else if (auto* failed = std::get_if<job_control::keep_cause>(&each)) {
        kept.push_back(failed->what);
      } else if (auto* told = std::get_if<job_control::answer>(&each)) {
        answers.push_back(*told);
      } else if (auto* recover = std::get_if<job_control::recover_sinks>(&each)) {
        recovering = recover->last;
      } else if (auto* stored = std::get_if<job_control::store>(&each)) {
        storing = *stored;
      } else if (auto* one_sink = std::get_if<job_control::commit>(&each)) {
        committing = one_sink->cut.epoch;
      }
    }
  }
  void report(incarnation_id from, attempt_phase phase, std::optional<failure> cause = {}) {
    attempt_report made;
    made.job = job;
    made.stamp = it->stamp();
    made.phase = phase;
    made.tasks = {from == one ? 0u : 1u};
    made.closed = epoch_id(1'000'000);
    made.committed = epoch_id(1'000'000);
    made.cause = std::move(cause);
    take(it->on_report(from, from == one ? "one" : "two", &made, now));
  }
  void start() {
    take(it->on_placed({{one, "one", {}, {0}, 1, {}, false}, {two, "two", {}, {1}, 1, {}, false}}, now));
    take(it->on_recorded(now));
    report(one, attempt_phase::prepared);
    report(two, attempt_phase::prepared);
    take(it->on_sinks_recovered(*recovering, std::nullopt, now));
    report(one, attempt_phase::running);
    report(two, attempt_phase::running);
  }
  void complete_epoch() {
    const epoch_id epoch = epochs.back().cut.epoch;
    take(it->on_part({one, job, it->stamp(), epoch, 0, nullptr}, now));
    take(it->on_part({one, job, it->stamp(), epoch, 0, std::make_shared<proto::TaskSnapshot>()}, now));
    take(it->on_part({two, job, it->stamp(), epoch, 1, std::make_shared<proto::TaskSnapshot>()}, now));
    take(it->on_stored(epoch, std::nullopt, now));
    take(it->on_committed(0, epoch, std::nullopt, now));
  }

  timestamp_us now = 0;
  std::optional<job_control> it;
  std::vector<attempt_order> orders;
  std::vector<epoch_order> epochs;
  std::vector<proto::LogRecord> log;
  std::vector<attempt_failure> kept;
  std::vector<job_control::answer> answers;
  std::optional<epoch_id> recovering;
  std::optional<job_control::store> storing;
  epoch_id committing;
};

TEST(job_control, walks_from_slots_to_a_committed_epoch) {
  driven_job job_;
  EXPECT_TRUE(job_.it->wants_slots());
  job_.it->on_missing({2, 1, 1});
  EXPECT_EQ(job_.it->missing().told(), "needs 2 slots; 1 is free on 1 worker");
  job_.start();
  EXPECT_EQ(job_.it->current(), state::running);
  ASSERT_EQ(job_.log.size(), 1u);
  EXPECT_EQ(job_.log[0].started().attempt(), 1u);
  EXPECT_EQ(job_.log[0].term(), 4u);
  for (const attempt_order& each : job_.orders) {
    EXPECT_EQ(each.term, term_id(4));
    EXPECT_EQ(each.stamp, (attempt_stamp{term_id(4), attempt_id(1)}));
  }
  job_.now = 1'000'000;
  job_.take(job_.it->on_time(job_.now));
  ASSERT_EQ(job_.epochs.size(), 2u) << "to both workers";
  job_.complete_epoch();
  EXPECT_EQ(job_.it->last_committed(), epoch_id(1));
  EXPECT_EQ(job_.committing, epoch_id(1));
}

TEST(job_control, no_row_moves_before_all_are_prepared_and_the_sinks_recovered) {
  driven_job job_;
  job_.take(job_.it->on_placed({{one, "one", {}, {0}, 1, {}, false}, {two, "two", {}, {1}, 1, {}, false}}, 0));
  EXPECT_TRUE(job_.orders.empty()) << "not before the log has the attempt";
  job_.take(job_.it->on_recorded(0));
  job_.report(one, attempt_phase::prepared);
  job_.take(job_.it->on_sinks_recovered(epoch_id(), std::nullopt, 0));
  for (const attempt_order& each : job_.orders) EXPECT_EQ(each.goal, attempt_goal::prepared);
  job_.report(two, attempt_phase::prepared);
  EXPECT_EQ(job_.orders.back().goal, attempt_goal::running);
}

TEST(job_control, a_lost_worker_means_a_new_attempt_with_the_cause_kept) {
  driven_job job_;
  job_.start();
  job_.take(job_.it->on_worker_gone(two, 100));
  EXPECT_EQ(job_.it->current(), state::restarting);
  EXPECT_EQ(job_.orders.back().goal, attempt_goal::ended);
  EXPECT_EQ(job_.orders.back().to, one);
  ASSERT_EQ(job_.it->causes().size(), 1u);
  EXPECT_EQ(job_.it->causes()[0].cause.message, "worker two is gone");
  job_.take(job_.it->on_time(job_.it->next_wakeup_us()));
  EXPECT_TRUE(job_.it->wants_slots());
  for (const placed_task& each : job_.it->tasks().tasks)
    EXPECT_EQ(each.warm_on, each.subtask == 0 ? "one" : "two") << "where the state is warm";
}

TEST(job_control, lost_orders_are_repeated_when_reports_differ) {
  driven_job job_;
  job_.start();
  job_.orders.clear();
  job_.report(one, attempt_phase::prepared);
  ASSERT_EQ(job_.orders.size(), 1u);
  EXPECT_EQ(job_.orders[0].goal, attempt_goal::running);
  job_.now = 1'000'000;
  job_.take(job_.it->on_time(job_.now));
  const size_t triggers = job_.epochs.size();
  job_.take(job_.it->on_time(job_.now += 600'000));
  EXPECT_GT(job_.epochs.size(), triggers) << "the trigger that nobody answered";
}

TEST(job_control, an_attempt_that_is_not_current_is_ended_wherever_it_shows) {
  driven_job job_;
  job_.start();
  job_.orders.clear();
  attempt_report old;
  old.job = job;
  old.stamp = {term_id(3), attempt_id(1)};
  old.phase = attempt_phase::running;
  job_.take(job_.it->on_report({9, 9}, "zombie", &old, 0));
  ASSERT_EQ(job_.orders.size(), 1u);
  EXPECT_EQ(job_.orders[0].goal, attempt_goal::ended);
  EXPECT_EQ(job_.orders[0].stamp, old.stamp);
  EXPECT_FALSE(job_.it->is_current(old.stamp));
  EXPECT_TRUE(job_.it->is_current(job_.it->stamp()));
  job_.now = 1'000'000;
  job_.take(job_.it->on_time(job_.now));
  const epoch_id epoch = job_.epochs.back().cut.epoch;
  for (uint32_t task : {0u, 1u})
    job_.take(
        job_.it->on_part({{9, 9}, job, job_.it->stamp(), epoch, task, std::make_shared<proto::TaskSnapshot>()}, 0));
  EXPECT_FALSE(job_.storing) << "parts count only from the worker that has the task";
}

TEST(job_control, a_request_is_recorded_then_done_and_its_repetition_answered) {
  driven_job job_;
  job_.start();
  const job_request stop{"r1", job_request::kind::stop, 0};
  job_.take(job_.it->on_request(stop, 0));
  EXPECT_TRUE(job_.epochs.empty()) << "not before the log has it";
  EXPECT_EQ(job_.log.back().asked().request(), "r1");
  job_.take(job_.it->on_request(stop, 0));
  EXPECT_EQ(job_.log.size(), 2u);
  job_.take(job_.it->on_recorded(0));
  ASSERT_EQ(job_.answers.size(), 1u);
  EXPECT_EQ(job_.epochs.back().cut.kind, barrier_kind::stop);
  job_.complete_epoch();
  EXPECT_EQ(job_.it->current(), state::ending);
  for (const incarnation_id each : {one, two}) job_.take(job_.it->on_report(each, "", nullptr, 0));
  EXPECT_EQ(job_.it->current(), state::stopped);
  job_.take(job_.it->on_request(stop, 0));
  EXPECT_EQ(job_.answers.size(), 2u);
  EXPECT_EQ(job_.log.size(), 2u);
  job_.take(job_.it->on_request({"r2", job_request::kind::resume, 0}, 0));
  job_.take(job_.it->on_recorded(0));
  EXPECT_TRUE(job_.it->wants_slots());
}

TEST(job_control, a_savepoint_is_answered_with_its_epoch_once_it_is_committed) {
  driven_job job_;
  job_.start();
  job_.take(job_.it->on_request({"s", job_request::kind::savepoint, 0}, 0));
  EXPECT_TRUE(job_.answers.empty());
  job_.complete_epoch();
  EXPECT_TRUE(job_.storing->savepoint);
  ASSERT_EQ(job_.answers.size(), 1u);
  EXPECT_EQ(job_.answers[0].epoch, epoch_id(1));
}

job_control::origin after_a_coordinator_died() {
  job_control::origin from;
  from.history.attempts = from.history.last_attempt = 3;
  from.history.last_attempt_term = term_id(2);
  from.history.completed.push_back({epoch_id(7), {}});
  from.history.next_epoch = epoch_id(208);
  from.previous = epoch_id(6);
  return from;
}

TEST(job_control, a_running_attempt_is_adopted_and_its_last_epoch_committed_again) {
  driven_job job_(after_a_coordinator_died());
  EXPECT_EQ(job_.it->current(), state::adopting);
  job_.report(one, attempt_phase::running);
  EXPECT_EQ(job_.it->current(), state::adopting);
  job_.report(two, attempt_phase::running);
  EXPECT_EQ(job_.it->current(), state::running);
  EXPECT_TRUE(job_.log.empty()) << "no new attempt";
  EXPECT_EQ(job_.committing, epoch_id(7));
  EXPECT_EQ(job_.orders.back().closed, epoch_id(207)) << "what the old coordinator had under way is over";
  job_.take(job_.it->on_committed(0, epoch_id(7), std::nullopt, 0));
  job_.take(job_.it->on_time(1'000'000));
  EXPECT_EQ(job_.epochs.back().cut, (barrier{epoch_id(208), barrier_kind::checkpoint, epoch_id(7)}));
}

TEST(job_control, an_attempt_that_is_not_whole_is_replaced) {
  driven_job job_(after_a_coordinator_died());
  job_.report(one, attempt_phase::running);
  job_.take(job_.it->on_time(job_.it->next_wakeup_us()));
  EXPECT_TRUE(job_.it->wants_slots()) << "the other worker did not come";
  EXPECT_EQ(job_.orders.back().goal, attempt_goal::ended);
  driven_job failed(after_a_coordinator_died());
  failed.report(one, attempt_phase::failed, fail(error_code::io, "disk"));
  EXPECT_TRUE(failed.it->wants_slots()) << "at once";
}

TEST(job_control, gives_up_on_what_a_restart_cannot_cure_and_can_be_resumed) {
  driven_job job_;
  job_.start();
  job_.report(one, attempt_phase::failed, fail(error_code::corrupt, "file x"));
  for (const incarnation_id each : {one, two}) job_.take(job_.it->on_report(each, "", nullptr, 0));
  EXPECT_EQ(job_.it->current(), state::failed);
  EXPECT_EQ(job_.it->reason(), "file x; a restart would meet the same failure");
  job_.take(job_.it->on_request({"r", job_request::kind::resume, 0}, 0));
  job_.take(job_.it->on_recorded(0));
  EXPECT_TRUE(job_.it->wants_slots());
  job_.start();
  job_.report(one, attempt_phase::failed, fail(error_code::io, "disk"));
  ASSERT_EQ(job_.it->causes().size(), 2u) << "a resume forgets none";
  EXPECT_EQ(job_.it->causes()[0].attempt, 1u);
  EXPECT_EQ(job_.it->causes()[1].attempt, 2u) << "the attempts' numbers go on";
  EXPECT_EQ(job_.it->failures(), 2u);
}

TEST(job_control, why_an_attempt_failed_goes_to_the_log_at_once_and_nothing_waits_for_it) {
  driven_job job_;
  job_.start();
  job_.take(job_.it->on_worker_gone(two, 100));
  ASSERT_EQ(job_.kept.size(), 1u);
  EXPECT_EQ(job_.kept[0].attempt, 1u);
  EXPECT_EQ(job_.kept[0].at_us, 100);
  EXPECT_EQ(job_.kept[0].cause.message, "worker two is gone");
  job_.take(job_.it->on_time(job_.it->next_wakeup_us()));
  job_.start();
  job_.report(one, attempt_phase::failed, fail(error_code::corrupt, "file x"));
  for (const incarnation_id each : {one, two}) job_.take(job_.it->on_report(each, "", nullptr, 0));
  EXPECT_EQ(job_.it->current(), state::failed);
  ASSERT_EQ(job_.kept.size(), 2u) << "also where no attempt follows";
  EXPECT_EQ(job_.kept[1].attempt, 2u);
  EXPECT_EQ(job_.kept[1].cause.message, "file x");
}

TEST(job_control, failures_under_an_earlier_coordinator_are_not_counted_again) {
  job_control::origin from = after_a_coordinator_died();
  const failure again = fail(error_code::io, "disk");
  for (uint32_t attempt : {1u, 2u}) from.history.failures.push_back({attempt, 1'700'000'000'000'000, epoch_id(7), again});
  driven_job job_(from);
  job_.report(one, attempt_phase::running);
  job_.report(two, attempt_phase::running);
  EXPECT_TRUE(job_.it->causes().empty());
  EXPECT_EQ(job_.it->failures(), 0u);
  EXPECT_TRUE(job_.kept.empty()) << "they are in the log";
  job_.report(one, attempt_phase::failed, again);
  EXPECT_EQ(job_.it->current(), state::restarting) << "not poison: it is this coordinator's first";
  EXPECT_EQ(job_.it->failures(), 1u);
  ASSERT_EQ(job_.kept.size(), 1u);
  EXPECT_EQ(job_.kept[0].attempt, 3u);
}

TEST(job_control, a_rescale_goes_through_a_savepoint_and_another_shape) {
  driven_job job_;
  job_.start();
  job_.take(job_.it->on_request({"r", job_request::kind::rescale, 4}, 0));
  job_.take(job_.it->on_recorded(0));
  job_.complete_epoch();
  EXPECT_EQ(job_.it->current(), state::replanning);
  job_.take(job_.it->on_shape(4, driven_job::shape(), 0));
  EXPECT_TRUE(job_.it->wants_slots());
}

}  // namespace
}  // namespace systole::testing::job_control_tests
