#include "actors/worker/attempt_host.h"

#include <algorithm>
#include <caf/all.hpp>
#include <set>
#include <utility>

#include "actors/quiet_actor.h"
#include "actors/task_actor.h"
#include "actors/writer_actors.h"

namespace systole {
namespace {

class host_shell {
 public:
  host_shell(attempt_host_actor::pointer self, host_parts parts) : self_(self), with_(std::move(parts)) {}

  void start() {
    self_->set_down_handler([this](caf::down_msg& down) { on_down(down); });
    make_quiet(self_, [this](failure cause) { fail_with(std::move(cause)); });
    const job_actor me = attempt_host_actor(self_);
    for (uint32_t i = 0; i < std::max(with_.state_writers, 1u); ++i)
      writers_.push_back(watch(spawn_state_writer(self_->system(), me, with_.crash)));
    wiring_ = std::make_shared<task_wiring>(task_wiring{with_.elsewhere});
    wiring_->tasks.resize(with_.whole->tasks.size());
    for (host_parts::hosted_task& each : with_.tasks) {
      const state_writer_actor& writer = writers_[hosted_.size() % writers_.size()];
      hosted_.push_back({each.index, watch(spawn_task(self_->system(), {std::move(each.work), each.index, me, writer},
                                                      each.detached))});
      wiring_->tasks[each.index] = hosted_.back().actor;
    }
    if (with_.gate) self_->send(with_.gate, open_route{route()});
    // Behind the gate's message: whoever is told by this sends frames that find the route.
    with_.events.ready();
  }

  void run() {
    for (const hosted& each : hosted_) self_->send(each.actor, std::shared_ptr<const task_wiring>(wiring_));
  }
  void trigger(const trigger_epoch& what) {
    to_source_tasks(what);
    if (std::exchange(wants_epoch_, false)) tell_outboxes();  // this one will do for all that asked so far
  }
  template <class Message>
  void to_source_tasks(const Message& message) {
    to_tasks(message, [this](const hosted& each) { return planned(each).has_source; });
  }
  template <class Message>
  void to_sink_tasks(const Message& message) {
    to_tasks(message, [this](const hosted& each) { return planned(each).has_sink; });
  }
  void close(const host_close& what) {
    if (what.closed > closed_) to_tasks(abort_epoch{closed_ = what.closed}, [](const hosted&) { return true; });
    if (what.committed > committed_) to_sink_tasks(epoch_committed{committed_ = what.committed});
  }
  void on_pressure(const task_pressure& pressure) {
    if (pressure.on) pressed_.insert(pressure.task);
    else pressed_.erase(pressure.task);
    tell_outboxes();
  }
  void on_epoch_wanted() {
    wants_epoch_ = true;
    tell_outboxes();
  }
  /// The sources are told before this comes, here and elsewhere.
  void on_sources_paused() {
    to_tasks(pause_sources{true}, [this](const hosted& each) { return pressed_.contains(each.index); });
  }
  void on_ack(const epoch_ack& ack) {
    if (ending_) return;
    with_.events.part(ack.epoch, ack.task, ack.facts);
  }
  void on_shards_committed(const shards_committed& committed) {
    if (committed.cause) return fail_with(*committed.cause);
    if (!ending_) with_.events.committed(committed.epoch, committed.task);
  }
  void on_sources_ended(uint32_t task) {
    if (!ending_ && with_.events.sources_ended) with_.events.sources_ended(task);
  }
  void on_finished(uint32_t task) {
    if (!ending_) with_.events.finished(task);
  }
  void fail_with(failure cause) {
    if (ending_ || std::exchange(failed_, true)) return;
    with_.events.failed(std::move(cause));
  }
  void end() {
    if (std::exchange(ending_, true)) return;
    if (with_.gate) self_->send(with_.gate, close_route{with_.job, with_.stamp});
    // Tasks at once, whatever is queued; writers finish what they began.
    for (const hosted& each : hosted_) self_->send<caf::message_priority::high>(each.actor, end_actor{});
    for (const state_writer_actor& each : writers_) self_->send(each, end_actor{});
    self_->delayed_send(self_, with_.shutdown_deadline, go_on{});
    if (alive_ == 0) report(false);
  }
  void on_deadline() {
    if (ending_) report(true);
  }

 private:
  struct hosted {
    uint32_t index = 0;
    task_actor actor;
  };

  const planned_task& planned(const hosted& each) const { return with_.whole->tasks[each.index]; }

  template <class Actor>
  Actor watch(Actor actor) {
    self_->monitor(actor);
    ++alive_;
    return actor;
  }
  template <class Message, class Which>
  void to_tasks(const Message& message, Which which) {
    if (ending_) return;
    for (const hosted& each : hosted_)
      if (which(each)) self_->send(each.actor, message);
  }
  void tell_outboxes() {
    if (!ending_) with_.events.outboxes(wants_epoch_, !pressed_.empty());
  }

  std::shared_ptr<const frame_route> route() const {
    auto made = std::make_shared<frame_route>();
    made->job = with_.job;
    made->stamp = with_.stamp;
    made->checks_attempt = with_.checks_attempt;
    for (const planned_channel& each : with_.whole->channels) {
      made->receivers.push_back(is_here(each.to_task) ? wiring_->tasks[each.to_task] : task_actor());
      made->senders.push_back(is_here(each.from_task) ? wiring_->tasks[each.from_task] : task_actor());
    }
    return made;
  }
  bool is_here(uint32_t task) const {
    return std::any_of(hosted_.begin(), hosted_.end(), [task](const hosted& each) { return each.index == task; });
  }

  void on_down(const caf::down_msg& down) {
    --alive_;
    if (!ending_ && down.reason) fail_with(fail(error_code::internal, "an actor ended by itself"));
    if (ending_ && alive_ == 0) report(false);
  }
  void report(bool hanging) {
    if (std::exchange(reported_, true)) return;
    // Its own links: proxies of tasks elsewhere are this attempt's.
    std::set<caf::actor_addr> told;
    for (const task_actor& each : with_.elsewhere)
      if (each && told.insert(each.address()).second) self_->send(each, end_actor{});
    with_.events.ended(hanging);
    self_->quit();
  }

  attempt_host_actor::pointer self_;
  host_parts with_;
  std::vector<hosted> hosted_;
  std::vector<state_writer_actor> writers_;
  std::shared_ptr<task_wiring> wiring_;
  std::set<uint32_t> pressed_;  ///< tasks
  epoch_id closed_, committed_;
  size_t alive_ = 0;
  bool wants_epoch_ = false;
  bool failed_ = false;
  bool ending_ = false;
  bool reported_ = false;
};

attempt_host_actor::behavior_type behave_as_host(attempt_host_actor::stateful_pointer<std::unique_ptr<host_shell>> self,
                                         std::shared_ptr<host_parts> parts) {
  self->state = std::make_unique<host_shell>(self, std::move(*parts));
  host_shell* shell = self->state.get();
  shell->start();
  return {
      // From tasks and writers.
      [shell](const task_failed& failed) { shell->fail_with(failed.cause); },
      [shell](const task_finished& finished) { shell->on_finished(finished.task); },
      [shell](const task_sources_ended& ended) { shell->on_sources_ended(ended.task); },
      [shell](const task_pressure& pressure) { shell->on_pressure(pressure); },
      [shell](const epoch_wanted&) { shell->on_epoch_wanted(); },
      [shell](const epoch_ack& ack) { shell->on_ack(ack); },
      [](const epoch_stored&) {},
      [](const sink_committed&) {},
      [shell](const shards_committed& committed) { shell->on_shards_committed(committed); },
      [](const bases_verified&) {},
      [](const job_finished_recorded&) {},
      [](const stop_job&) {},
      [shell](const go_on&) { shell->on_deadline(); },
      // From the worker.
      [shell](host_run) { shell->run(); },
      [shell](const trigger_epoch& trigger) { shell->trigger(trigger); },
      [shell](const commit_sinks& commit) { shell->to_sink_tasks(commit); },
      [shell](const host_close& what) { shell->close(what); },
      [shell](const pause_sources& pause) { shell->to_source_tasks(pause); },
      [shell](host_sources_paused) { shell->on_sources_paused(); },
      [shell](others_ended) { shell->to_source_tasks(others_ended{}); },
      [shell](drain_input) { shell->to_source_tasks(drain_input{}); },
      [shell](end_actor) { shell->end(); },
  };
}

}  // namespace

attempt_host_actor spawn_attempt_host(caf::actor_system& system, host_parts parts) {
  return system.spawn(behave_as_host, std::make_shared<host_parts>(std::move(parts)));
}

}  // namespace systole
