#include "coordination/worker_control.h"

#include <gtest/gtest.h>

namespace systole::testing::worker_control_tests {
namespace {

constexpr job_id job{1};
constexpr incarnation_id me{7, 7};
constexpr attempt_stamp first{term_id(1), attempt_id(1)}, second{term_id(1), attempt_id(2)};

worker_control make() {
  worker_control::settings with;
  with.incarnation = me;
  with.name = "w";
  with.slots = 1;
  return worker_control(with);
}
attempt_order order(attempt_goal goal, attempt_stamp stamp = first, uint64_t term = 1) {
  attempt_order made;
  made.term = term_id(term);
  made.to = me;
  made.job = job;
  made.stamp = stamp;
  made.goal = goal;
  made.tasks = {0, 2};
  return made;
}
epoch_order epoch(epoch_order::kind what, uint64_t number, uint64_t term = 1) {
  return {term_id(term), me, job, first, what, {epoch_id(number)}, {}};
}
template <class Action>
std::vector<Action> all(const worker_control::actions& from) {
  std::vector<Action> found;
  for (const auto& each : from)
    if (const auto* it = std::get_if<Action>(&each)) found.push_back(*it);
  return found;
}
template <class Message>
std::vector<Message> sent(const worker_control::actions& from) {
  std::vector<Message> found;
  for (const auto& each : all<worker_control::send>(from))
    if (const auto* it = std::get_if<Message>(&each.what)) found.push_back(*it);
  return found;
}
worker_control running() {
  worker_control it = make();
  (void)it.on_message(order(attempt_goal::prepared), 0);
  (void)it.on_prepared(job, first, 0);
  (void)it.on_message(order(attempt_goal::running), 0);
  return it;
}

TEST(worker_control, repeated_orders_are_done_once) {
  worker_control it = make();
  EXPECT_EQ(all<worker_control::prepare>(it.on_message(order(attempt_goal::prepared), 0)).size(), 1u);
  EXPECT_TRUE(all<worker_control::prepare>(it.on_message(order(attempt_goal::prepared), 0)).empty());
  EXPECT_TRUE(all<worker_control::run>(it.on_message(order(attempt_goal::running), 0)).empty()) << "not prepared yet";
  const auto told = sent<worker_report>(it.on_prepared(job, first, 0));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].attempts.at(0).phase, attempt_phase::prepared);
  EXPECT_EQ(all<worker_control::run>(it.on_message(order(attempt_goal::running), 0)).size(), 1u);
  EXPECT_TRUE(all<worker_control::run>(it.on_message(order(attempt_goal::running), 0)).empty());
  EXPECT_EQ(all<worker_control::end>(it.on_message(order(attempt_goal::ended), 0)).size(), 1u);
  EXPECT_TRUE(all<worker_control::end>(it.on_message(order(attempt_goal::ended), 0)).empty());
  EXPECT_TRUE(sent<worker_report>(it.on_ended(job, first, 0)).at(0).attempts.empty());
  EXPECT_TRUE(it.on_message(order(attempt_goal::prepared), 0).empty()) << "a late order revives nothing";
}

TEST(worker_control, a_lower_term_is_refused_and_told) {
  worker_control it = running();
  (void)it.on_message(worker_greeting{term_id(3), me, true}, 0);
  const auto answer = it.on_message(order(attempt_goal::ended, first, 2), 0);
  ASSERT_EQ(sent<stale_notice>(answer).size(), 1u);
  EXPECT_EQ(sent<stale_notice>(answer)[0].term, term_id(3));
  EXPECT_TRUE(all<worker_control::end>(answer).empty());
  EXPECT_TRUE(all<worker_control::trigger>(it.on_message(epoch(epoch_order::kind::trigger, 5, 2), 0)).empty());
  EXPECT_EQ(it.current(job), first);
}

TEST(worker_control, a_newer_attempt_waits_until_the_older_has_let_go) {
  worker_control it = running();
  const auto ending = it.on_message(order(attempt_goal::prepared, second), 0);
  EXPECT_EQ(all<worker_control::end>(ending).size(), 1u);
  EXPECT_TRUE(all<worker_control::prepare>(ending).empty());
  EXPECT_EQ(it.current(job), std::nullopt) << "frames of neither are taken";
  const auto begun = all<worker_control::prepare>(it.on_ended(job, first, 0));
  ASSERT_EQ(begun.size(), 1u);
  EXPECT_EQ(begun[0].order.stamp, second);
  EXPECT_TRUE(all<worker_control::prepare>(it.on_message(order(attempt_goal::prepared, first), 0)).empty());
}

TEST(worker_control, durable_parts_are_told_again_until_the_epoch_is_closed) {
  worker_control it = running();
  EXPECT_EQ(all<worker_control::trigger>(it.on_message(epoch(epoch_order::kind::trigger, 1), 0)).size(), 1u);
  EXPECT_EQ(sent<epoch_part>(it.on_part(job, first, epoch_id(1), 2, nullptr)).size(), 1u);
  const auto again = it.on_message(epoch(epoch_order::kind::trigger, 1), 0);
  EXPECT_TRUE(all<worker_control::trigger>(again).empty());
  EXPECT_EQ(sent<epoch_part>(again).size(), 1u);
  attempt_order closed = order(attempt_goal::running);
  closed.closed = epoch_id(1);
  EXPECT_EQ(all<worker_control::close>(it.on_message(closed, 0)).size(), 1u);
  EXPECT_TRUE(it.on_message(epoch(epoch_order::kind::trigger, 1), 0).empty()) << "too late";
  EXPECT_TRUE(it.on_part(job, first, epoch_id(1), 0, nullptr).empty());
}

TEST(worker_control, a_repeated_commit_is_answered_not_done_again) {
  worker_control it = running();
  EXPECT_EQ(all<worker_control::commit>(it.on_message(epoch(epoch_order::kind::commit, 1), 0)).size(), 1u);
  EXPECT_EQ(sent<commit_part>(it.on_committed(job, first, epoch_id(1), 2)).size(), 1u);
  const auto again = it.on_message(epoch(epoch_order::kind::commit, 1), 0);
  EXPECT_TRUE(all<worker_control::commit>(again).empty());
  EXPECT_EQ(sent<commit_part>(again).size(), 1u);
}

TEST(worker_control, without_a_coordinator_tasks_go_on_and_the_next_one_hears_of_them) {
  worker_control it = running();
  worker_control::actions out;
  for (timestamp_us now = 0; now < 3'600'000'000; now += 200'000) {
    out = it.on_time(now);
    ASSERT_TRUE(all<worker_control::end>(out).empty());
  }
  const auto told = sent<worker_report>(out);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].attempts.at(0).phase, attempt_phase::running);
  EXPECT_EQ(told[0].attempts.at(0).tasks, (std::vector<uint32_t>{0, 2}));
}

TEST(worker_control, given_up_it_ends_all_and_comes_back_as_another) {
  worker_control it = running();
  EXPECT_EQ(all<worker_control::end>(it.on_message(worker_greeting{term_id(1), me, false}, 0)).size(), 1u);
  EXPECT_TRUE(sent<worker_report>(it.on_time(10'000'000)).empty()) << "silent until then";
  EXPECT_EQ(all<worker_control::renew>(it.on_ended(job, first, 0)).size(), 1u);
  const auto told = sent<worker_report>(it.on_renewed({8, 8}, 0));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].incarnation, (incarnation_id{8, 8}));
  EXPECT_TRUE(it.on_message(order(attempt_goal::prepared, second), 0).empty()) << "meant for who it was";
}

TEST(worker_control, the_first_failure_is_told_until_the_end_is_ordered) {
  worker_control it = running();
  (void)it.on_failed(job, first, fail(error_code::io, "disk"), 0);
  (void)it.on_failed(job, first, fail(error_code::unavailable, "peer"), 0);
  const auto told = sent<worker_report>(it.on_time(1'000'000));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].attempts.at(0).cause->message, "disk");
}

TEST(worker_control, leaving_waits_for_its_tasks) {
  worker_control it = running();
  EXPECT_TRUE(all<worker_control::may_leave>(it.on_leave(0)).empty());
  (void)it.on_message(order(attempt_goal::ended), 0);
  EXPECT_EQ(all<worker_control::may_leave>(it.on_ended(job, first, 0)).size(), 1u);
}

}  // namespace
}  // namespace systole::testing::worker_control_tests
