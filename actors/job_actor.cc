#include "actors/job_actor.h"

#include <algorithm>
#include <caf/all.hpp>
#include <limits>
#include <utility>

#include "actors/quiet_actor.h"
#include "actors/task_actor.h"
#include "actors/writer_actors.h"
#include "base/log.h"

namespace systole {
namespace {

/// Of all files of an epoch, those that older ones have too.
uint64_t bytes_of_files(const proto::CheckpointMetadata& metadata) {
  uint64_t sum = 0;
  const auto add = [&sum](const auto& files) {
    for (const proto::FileReference& each : files) sum += each.bytes();
  };
  for (const proto::TaskSnapshot& task : metadata.tasks()) {
    add(task.keyed_state().base());
    add(task.keyed_state().deltas());
    for (const proto::NodeSnapshot& node : task.nodes()) add(node.outbox());
  }
  return sum;
}

/// The shell around checkpoint_coordinator: messages in, its actions out as messages.
class job_shell {
 public:
  job_shell(job_actor::pointer self, attempt_parts parts)
      : self_(self), with_(std::move(parts)), coordinator_(with_.checkpoints, now_us()) {}

  void start() {
    self_->set_down_handler([this](caf::down_msg& down) { on_down(down); });
    make_quiet(self_, [this](failure cause) { fail_with(std::move(cause)); });
    const job_actor me(self_);
    caf::actor_system& system = self_->system();
    for (uint32_t i = 0; i < std::max(with_.state_writers, 1u); ++i)
      writers_.push_back(watch(spawn_state_writer(system, me, with_.crash)));
    checkpoint_writer_ =
        watch(spawn_checkpoint_writer(system, me, with_.store, with_.crash, with_.term, with_.retained));
    for (uint32_t i = 0; i < with_.sinks.size(); ++i)
      committers_.push_back(
          watch(spawn_sink_committer(system, me, i, std::move(with_.sinks[i].committer), with_.crash)));
    uncommitted_.assign(with_.sinks.size(), 0);
    auto wiring = std::make_shared<task_wiring>();
    for (uint32_t i = 0; i < with_.tasks.size(); ++i) {
      const state_writer_actor& writer = writers_[i % writers_.size()];
      wiring->tasks.push_back(watch(spawn_task(system, {std::move(with_.tasks[i]), i, me, writer}, with_.detached[i])));
    }
    tasks_ = wiring->tasks;
    for (const task_actor& each : tasks_) self_->send(each, std::shared_ptr<const task_wiring>(wiring));
    verified_ = with_.to_verify.empty();
    if (!verified_) {
      const auto verifier = watch(spawn_file_verifier(system, me, with_.store));
      self_->send(verifier, verify_files{std::move(with_.to_verify)});
    }
    pressed_.assign(tasks_.size(), false);
    for (const planned_task& each : with_.whole->tasks) reading_.push_back(each.has_main_source);
    arm();
  }

  void on_time(uint64_t turn) {
    if (turn != turn_) return;
    if (ending_) return give_up_waiting();
    perform(coordinator_.on_time(now_us()));
  }
  void on_ack(const epoch_ack& ack) {
    if (ending_) return;
    if (coordinator_.under_way() && coordinator_.current().epoch == ack.epoch) facts_[ack.task] = ack.facts;
    perform(coordinator_.on_ack(ack.task, ack.epoch, now_us()));
  }
  void on_task_finished(uint32_t task) { perform(coordinator_.on_task_finished(task, now_us())); }
  void on_sources_ended(uint32_t task) {
    reading_[task] = false;
    if (!ending_ && std::find(reading_.begin(), reading_.end(), true) == reading_.end()) to_source_tasks(others_ended{});
  }
  void on_pressure(const task_pressure& pressure) {
    const bool before = any_pressed();
    pressed_[pressure.task] = pressure.on;
    if (ending_) return;
    if (any_pressed() != before) to_source_tasks(pause_sources{!before});
    // Behind the sources' messages: the task gives no credit before it.
    if (pressure.on) self_->send(tasks_[pressure.task], pause_sources{true});
  }
  void on_epoch_wanted() { perform(coordinator_.request_epoch(now_us())); }
  void on_stored(const epoch_stored& stored) {
    if (stored.cause) {
      ++with_.counters->failed;
      return fail_with(*stored.cause);
    }
    if (ending_) {
      // The attempt failed meanwhile; the log has the epoch, the next attempt commits it.
      return;
    }
    last_ = storing_;
    with_.counters->last_epoch = stored.epoch.value;
    ++with_.counters->completed;
    with_.counters->last_duration_us = now_us() - triggered_us_;
    with_.counters->last_completed_us = with_.time->now_us();
    with_.counters->last_bytes = bytes_of_files(*last_);
    with_.counters->duration.observe(with_.counters->last_duration_us);
    perform(coordinator_.on_stored(stored.epoch, now_us()));
  }
  void on_committed(const sink_committed& committed) {
    count_commit(committed.sink, committed.cause.has_value());
    if (committed.cause) return fail_with(*committed.cause);
    if (ending_) return;
    perform(coordinator_.on_committed(committed.sink, committed.epoch, now_us()));
  }
  void on_shards_committed(const shards_committed& committed) {
    if (committed.cause) return fail_with(*committed.cause);
    if (ending_) return;
    for (uint32_t sink = 0; sink < with_.sinks.size(); ++sink)
      if (with_.sinks[sink].shards_commit && has_node(committed.task, with_.sinks[sink].node) &&
          --uncommitted_[sink] == 0) {
        count_commit(sink, false);
        perform(coordinator_.on_committed(sink, committed.epoch, now_us()));
      }
  }
  void on_verified(const bases_verified& verified) {
    if (verified.cause) return fail_with(*verified.cause);
    verified_ = true;
    if (held_store_) self_->send(checkpoint_writer_, store_epoch{std::exchange(held_store_, nullptr)});
  }
  void on_finish_recorded(const job_finished_recorded& recorded) {
    if (recorded.cause) return fail_with(*recorded.cause);
    end(attempt_result::kind::finished);
  }
  void on_stop(bool drain) {
    if (ending_) return;
    if (!drain) return perform(coordinator_.request_stop(now_us()));
    drained_ = true;
    to_source_tasks(drain_input{});
  }
  void fail_with(failure cause) {
    if (cause_ || how_) return;
    cause_ = std::move(cause);
    end(attempt_result::kind::failed);
  }

 private:
  using action = checkpoint_coordinator::action;

  /// For intervals and time-outs: a clock that does not jump.
  timestamp_us now_us() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(with_.time->monotonic()).count();
  }
  bool any_pressed() const { return std::find(pressed_.begin(), pressed_.end(), true) != pressed_.end(); }

  void count_commit(uint32_t sink, bool failed) {
    if (sink >= with_.counters->sinks.size()) return;
    checkpoint_counters::sink& into = with_.counters->sinks[sink];
    if (failed) ++into.errors;
    else into.commit.observe(now_us() - commit_began_us_);
  }

  bool has_node(uint32_t task, uint32_t node) const { return with_.whole->tasks[task].runs(node); }

  template <class Actor>
  Actor watch(Actor actor) {
    self_->monitor(actor);
    ++alive_;
    return actor;
  }
  template <class Message>
  void to_source_tasks(const Message& message) {
    for (size_t i = 0; i < tasks_.size(); ++i)
      if (with_.whole->tasks[i].has_source) self_->send(tasks_[i], message);
  }

  void perform(const checkpoint_coordinator::actions& actions) {
    for (const action& each : actions) perform(each);
    arm();
  }
  void perform(const action& what) {
    if (ending_) return;
    switch (what.do_this) {
      case action::kind::trigger:
        if (committing_.value != 0) all_committed(committing_);
        facts_.assign(tasks_.size(), nullptr);
        triggered_us_ = now_us();
        to_source_tasks(trigger_epoch{what.what});
        break;
      case action::kind::abort:
        ++with_.counters->failed;
        log_line(log_level::warning, "checkpoint",
                 "epoch " + std::to_string(what.what.epoch.value) + " was aborted: it " + what.reason);
        for (const task_actor& each : tasks_) self_->send(each, abort_epoch{what.what.epoch});
        break;
      case action::kind::store:
        storing_ = metadata_of(what);
        if (verified_) self_->send(checkpoint_writer_, store_epoch{storing_});
        else held_store_ = storing_;
        break;
      case action::kind::commit: commit(what); break;
      case action::kind::finished:
        all_committed(what.what.epoch);
        self_->send(checkpoint_writer_, record_finished{what.what.epoch});
        break;
      case action::kind::stopped:
        all_committed(what.what.epoch);
        end(attempt_result::kind::stopped);
        break;
      case action::kind::fail: fail_with(fail(error_code::unavailable, what.reason)); break;
    }
  }

  std::shared_ptr<proto::CheckpointMetadata> metadata_of(const action& what) {
    auto made = std::make_shared<proto::CheckpointMetadata>();
    made->set_epoch(what.what.epoch.value);
    made->set_previous(what.previous.value);
    made->set_uuid(make_uuid());
    made->set_job(with_.job);
    made->set_max_parallelism(with_.max_parallelism);
    for (const auto& each : facts_) *made->add_tasks() = std::move(*each);
    made->set_is_final(what.what.kind == barrier_kind::final);
    made->set_savepoint(what.what.kind == barrier_kind::stop);
    made->set_drained(drained_ && made->is_final());
    made->set_completed_at_us(with_.time->now_us());
    made->set_term(with_.term.value);
    return made;
  }

  void commit(const action& what) {
    if (committing_.value != 0) all_committed(committing_);
    committing_ = what.what.epoch;
    commit_began_us_ = now_us();
    if (with_.crash) with_.crash->reach("before_commit");
    const commit_epoch epoch{.epoch = what.what.epoch,
                             .previous = what.previous,
                             .uuid = last_->uuid(),
                             .is_final = last_->is_final(),
                             .stops = what.what.kind == barrier_kind::stop};
    std::vector<bool> asked(tasks_.size(), false);
    for (size_t i = 0; i < committers_.size(); ++i) {
      if (with_.sinks[i].shards_commit) {
        ask_shards(i, epoch, asked);
        continue;
      }
      commit_shards message{epoch, {}};
      for (const proto::TaskSnapshot& task : last_->tasks())
        for (const proto::NodeSnapshot& node : task.nodes())
          if (node.node() == with_.sinks[i].node) message.shards.push_back({task.subtask(), node.committable()});
      self_->send(committers_[i], std::move(message));
    }
  }

  /// Has the sink's own tasks commit; each is asked once, for all its sinks.
  void ask_shards(size_t sink, const commit_epoch& epoch, std::vector<bool>& asked) {
    uncommitted_[sink] = 0;
    for (uint32_t task = 0; task < tasks_.size(); ++task) {
      if (!has_node(task, with_.sinks[sink].node)) continue;
      ++uncommitted_[sink];
      if (!asked[task]) self_->send(tasks_[task], commit_sinks{epoch});
      asked[task] = true;
    }
  }

  void all_committed(epoch_id epoch) {
    if (committing_ != epoch) return;
    committing_ = epoch_id();
    if (with_.crash) with_.crash->reach("after_commit");
    for (size_t i = 0; i < tasks_.size(); ++i)
      if (with_.whole->tasks[i].has_sink) self_->send(tasks_[i], epoch_committed{epoch});
    self_->send(checkpoint_writer_, epoch_committed{epoch});
  }

  /// Wakes this actor when the coordinator wants it.
  void arm() {
    if (ending_) return;
    // The coordinator is idle again once all have committed: tell the tasks, whatever comes next.
    if (committing_.value != 0 && !coordinator_.under_way()) all_committed(committing_);
    const timestamp_us at = coordinator_.next_wakeup_us();
    if (at == std::numeric_limits<timestamp_us>::max() || at == armed_us_) return;
    armed_us_ = at;
    self_->delayed_send(self_, std::chrono::microseconds(std::max<int64_t>(at - now_us(), 0)), go_on{++turn_});
  }

  void end(attempt_result::kind how) {
    if (ending_) return;
    ending_ = true;
    how_ = how;
    *with_.ended = true;
    // Tasks at once, whatever is queued; those that write finish what they began.
    for (const task_actor& each : tasks_) self_->send<caf::message_priority::high>(each, end_actor{});
    for (const state_writer_actor& each : writers_) self_->send(each, end_actor{});
    for (const sink_committer_actor& each : committers_) self_->send(each, end_actor{});
    self_->send(checkpoint_writer_, end_actor{});
    self_->delayed_send(self_, with_.shutdown_deadline, go_on{++turn_});
    if (alive_ == 0) report(false);
  }

  void on_down(caf::down_msg& down) {
    --alive_;
    if (!ending_ && down.reason) fail_with(fail(error_code::internal, "an actor ended by itself"));
    if (ending_ && alive_ == 0) report(false);
  }

  void give_up_waiting() { report(true); }

  void report(bool actors_left) {
    if (std::exchange(reported_, true)) return;
    with_.end->set({*how_, cause_, coordinator_.next_epoch(), last_, actors_left});
    self_->quit();
  }

  job_actor::pointer self_;
  attempt_parts with_;
  checkpoint_coordinator coordinator_;
  std::vector<task_actor> tasks_;
  std::vector<state_writer_actor> writers_;
  std::vector<sink_committer_actor> committers_;
  checkpoint_writer_actor checkpoint_writer_;
  std::vector<std::shared_ptr<proto::TaskSnapshot>> facts_;  ///< of the epoch under way, by task
  std::shared_ptr<proto::CheckpointMetadata> storing_, held_store_, last_;
  epoch_id committing_;
  std::vector<uint32_t> uncommitted_;  ///< by sink that commits by shards: tasks that have not
  std::vector<bool> pressed_;
  std::vector<bool> reading_;  ///< by task: it has a source that others end with
  timestamp_us triggered_us_ = 0;
  timestamp_us commit_began_us_ = 0;
  timestamp_us armed_us_ = -1;
  uint64_t turn_ = 0;
  size_t alive_ = 0;
  bool verified_ = false;
  bool drained_ = false;
  bool ending_ = false;
  bool reported_ = false;
  std::optional<attempt_result::kind> how_;
  std::optional<failure> cause_;
};

job_actor::behavior_type behave_as_job(job_actor::stateful_pointer<std::unique_ptr<job_shell>> self,
                                std::shared_ptr<attempt_parts> parts) {
  self->state = std::make_unique<job_shell>(self, std::move(*parts));
  job_shell* shell = self->state.get();
  shell->start();
  return {
      [shell](const task_failed& failed) { shell->fail_with(failed.cause); },
      [shell](const task_finished& finished) { shell->on_task_finished(finished.task); },
      [shell](const task_sources_ended& ended) { shell->on_sources_ended(ended.task); },
      [shell](const task_pressure& pressure) { shell->on_pressure(pressure); },
      [shell](const epoch_wanted&) { shell->on_epoch_wanted(); },
      [shell](const epoch_ack& ack) { shell->on_ack(ack); },
      [shell](const epoch_stored& stored) { shell->on_stored(stored); },
      [shell](const sink_committed& committed) { shell->on_committed(committed); },
      [shell](const shards_committed& committed) { shell->on_shards_committed(committed); },
      [shell](const bases_verified& verified) { shell->on_verified(verified); },
      [shell](const job_finished_recorded& recorded) { shell->on_finish_recorded(recorded); },
      [shell](const stop_job& stop) { shell->on_stop(stop.drain); },
      [shell](const go_on& next) { shell->on_time(next.turn); },
  };
}

}  // namespace

job_actor spawn_job(caf::actor_system& system, attempt_parts parts) {
  return system.spawn(behave_as_job, std::make_shared<attempt_parts>(std::move(parts)));
}

}  // namespace systole
