#include "actors/coordinator/coordinator_shell.h"

#include <algorithm>
#include <utility>

#include "actors/attempt.h"
#include "actors/background.h"
#include "actors/quiet_actor.h"
#include "base/log.h"
#include "coordination/control_wire.h"

namespace systole {
namespace {

constexpr std::chrono::milliseconds try_again{500};
constexpr std::chrono::milliseconds longest_nap{200};

/// The cluster's log, newly read, with its highest term.
struct read_cluster_log {
  std::unique_ptr<checkpoint_store> log;
  term_id highest;
};
result<std::shared_ptr<read_cluster_log>> read_log_of(const cluster_storage& storage) {
  auto made = std::make_shared<read_cluster_log>();
  SYSTOLE_ASSIGN(made->log, storage.open_cluster_log());
  SYSTOLE_ASSIGN(const auto records, made->log->read_log());
  for (const proto::LogRecord& each : records) made->highest = std::max(made->highest, term_id(each.term()));
  return made;
}

}  // namespace

coordinator_shell::coordinator_shell(node_actor::pointer self, std::shared_ptr<coordinator_core> core)
    : self_(self), core_(std::move(core)), peers_(self, [this](incarnation_id lost) {
        if (control_) perform(control_->on_connection_lost(lost, now_us()));
      }) {}

timestamp_us coordinator_shell::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(core_->components.time->monotonic()).count();
}

std::function<void(std::function<void(coordinator_shell&)>)> coordinator_shell::poster() const {
  return [core = core_, node = node_actor(self_)](std::function<void(coordinator_shell&)> what) {
    caf::anon_send(node, node_work{[core, what = std::move(what)] { what(*core->shell); }});
  };
}

void coordinator_shell::post_later(std::chrono::microseconds wait, std::function<void()> what) {
  self_->delayed_send(node_actor(self_), wait, node_work{std::move(what)});
}

void coordinator_shell::start(gate_actor gate) { gate_ = std::move(gate); }

void coordinator_shell::stop(std::optional<failure> cause) {
  if (std::exchange(stopped_, true)) return;
  step_down({});
  peers_.end();
  if (gate_) self_->send(gate_, end_actor{});
  gate_ = nullptr;
  {
    const std::lock_guard lock(core_->mutex);
    core_->stopping = core_->ended = true;
    core_->cause = std::move(cause);
    core_->changed.notify_all();
  }
  self_->quit();
}

void coordinator_shell::tick() {
  if (stopped_ || !control_) return;
  perform(control_->on_time(now_us()));
  if (!control_) return;
  publish();
  const timestamp_us longest = std::chrono::microseconds(longest_nap).count();
  const timestamp_us wait = std::clamp<timestamp_us>(control_->next_wakeup_us() - now_us(), 1'000, longest);
  post_later(std::chrono::microseconds(wait), [this, turn = ++turn_] {
    if (turn == turn_) tick();
  });
}

// ---- leadership

void coordinator_shell::on_elected() {
  if (!stopped_) perform(leadership_.on_elected());
}

void coordinator_shell::perform(const leadership::actions& actions) {
  for (const leadership::action& each : actions) {
    switch (each.do_this) {
      case leadership::action::kind::read:
        in_background<result<std::shared_ptr<read_cluster_log>>>(
            self_->system(), poster(), [core = core_] { return read_log_of(core->storage); },
            [](coordinator_shell& shell, result<std::shared_ptr<read_cluster_log>> read) {
              if (shell.stopped_) return;
              if (!read) return shell.stop(std::move(read).error());
              shell.core_->log = std::move((*read)->log);
              shell.perform(shell.leadership_.on_read((*read)->highest));
            });
        break;
      case leadership::action::kind::claim: claim(each.term); break;
      case leadership::action::kind::lead: lead(each.term); break;
      case leadership::action::kind::step_down: step_down(each.term); break;
    }
  }
}

void coordinator_shell::claim(term_id term) {
  in_background<result<void>>(
      self_->system(), poster(),
      [core = core_, term]() -> result<void> {
        proto::LogRecord record;
        record.set_term(term.value);
        record.set_nonce(make_uuid());
        record.mutable_led()->set_address(core->options.api);
        return core->log->append(std::move(record));
      },
      [term](coordinator_shell& shell, result<void> done) {
        if (shell.stopped_) return;
        if (done) return shell.perform(shell.leadership_.on_claimed(term));
        if (done.error().code == error_code::fenced) return shell.perform(shell.leadership_.on_claim_lost());
        shell.stop(std::move(done).error());
      });
}

void coordinator_shell::lead(term_id term) {
  log_line(log_level::info, "coordinator", "leads in term " + std::to_string(term.value));
  control_ = std::make_unique<cluster_control>(
      cluster_control::settings{.detector = core_->options.detector, .storage = core_->options.storage, .checkpoints = core_->options.checkpoints}, term, now_us());
  diary_ = {};
  jobs_read_ = false;
  to_open_ = 0;
  {
    const std::lock_guard lock(core_->mutex);
    core_->leads = true;
  }
  in_background<result<std::vector<proto::JobDefinition>>>(
      self_->system(), poster(), [core = core_] { return core->storage.jobs(); },
      [term](coordinator_shell& shell, result<std::vector<proto::JobDefinition>> found) {
        if (shell.stopped_ || !shell.control_ || shell.control_->term() != term) return;
        if (!found) return shell.stop(std::move(found).error());
        shell.on_jobs_read(term, std::move(*found));
      });
  tick();
}

void coordinator_shell::on_jobs_read(term_id, std::vector<proto::JobDefinition> found) {
  to_open_ = found.size();
  jobs_read_ = true;
  for (proto::JobDefinition& each : found)
    open_job(std::move(each), [this](std::optional<failure>) {
      --to_open_;
      maybe_jobs_known();
    });
  maybe_jobs_known();
}

void coordinator_shell::maybe_jobs_known() {
  if (control_ && jobs_read_ && to_open_ == 0) control_->on_jobs_known();
}

void coordinator_shell::step_down(term_id higher) {
  if (control_) {
    if (!stopped_)
      log_line(log_level::warning, "coordinator",
               "term " + std::to_string(control_->term().value) + " is over: there is " + std::to_string(higher.value));
    end_taps();
    control_.reset();
  }
  for (auto& [id, each] : entries_) self_->send(each.thread, node_work{});
  entries_.clear();
  submitting_.clear();
  for (auto& [request, all] : std::exchange(asked_, {}))
    for (const answer<epoch_id>& each : all) each(not_leading());
  {
    const std::lock_guard lock(core_->mutex);
    core_->leads = false;
    core_->jobs.clear();
  }
  // The lock is still ours, but somebody acted as if it were his: not at once again.
  if (!stopped_) post_later(try_again, [this] { on_elected(); });
}

// ---- jobs

void coordinator_shell::open_job(proto::JobDefinition definition, std::function<void(std::optional<failure>)> then) {
  const job_id id(definition.id());
  entry& made = entries_[id];
  made.name = definition.name();
  made.request = definition.request();
  made.submitted_at_us = definition.submitted_at_us();
  made.keeper = std::make_shared<job_keeper>(
      std::move(definition),
      job_keeper::settings{core_->options.storage, core_->options.checkpoints, core_->options.secret_directory, core_->options.crash_at},
      core_->components);
  made.thread = spawn_background_thread(self_->system());
  by_keeper<result<job_keeper::opened>>(
      id, [term = control_->term()](job_keeper& keeper) { return keeper.open(term); },
      [id, then = std::move(then)](coordinator_shell& shell, result<job_keeper::opened> opened) {
        entry& it = shell.entries_.at(id);
        if (!opened) {
          if (opened.error().code == error_code::fenced)
            return shell.perform(shell.leadership_.on_term_seen(term_id(shell.control_->term().value + 1)));
          it.broken = opened.error();
          log_line(log_level::error, "coordinator", "job " + it.name + ": " + opened.error().message);
          return then(std::move(opened).error());
        }
        it.opened = true;
        it.plan = opened->plan;
        it.checkpoints.assign(opened->checkpoints.begin(), opened->checkpoints.end());
        it.earlier_failures = opened->from.history.failures;
        it.counters = std::make_shared<checkpoint_counters>(opened->made.sinks.size());
        it.opened_us = shell.core_->components.time->now_us();
        if (!it.checkpoints.empty()) it.counters->restored_us = it.checkpoints.back().completed_at_us;
        shell.perform(shell.control_->add_job(opened->with, std::move(opened->made), opened->from, shell.now_us()));
        then(std::nullopt);
      });
}

void coordinator_shell::on_hello(const std::string& identity, const wire_actor& gate) {
  if (const auto who = parse_identity(identity); who && !stopped_) peers_.add(*who, gate);
}

void coordinator_shell::on_control(const std::string& bytes) {
  if (stopped_ || !control_) return;
  if (is_worker_news(bytes)) return on_news(bytes);
  if (is_tap_news(bytes)) return on_tap_news(bytes);
  const auto message = decode_worker_message(bytes);
  if (!message) return log_line(log_level::error, "coordinator", message.error().message);
  perform(control_->on_message(*message, now_us()));
}

void coordinator_shell::perform(cluster_control::actions actions) {
  for (cluster_control::action& each : actions) {
    if (!control_) return;
    if (auto* message = std::get_if<cluster_control::send>(&each)) {
      if (const auto* order = std::get_if<epoch_order>(&message->what)) on_triggered(*order);
      peers_.send(message->to, envelope::control, encode(message->what));
    } else if (const auto* higher = std::get_if<cluster_control::step_down>(&each)) {
      return perform(leadership_.on_term_seen(higher->higher));
    } else {
      auto& of = std::get<cluster_control::of_job>(each);
      perform(of.job, std::move(of.what));
    }
  }
}

/// An answer to a job's action.
void coordinator_shell::tell(job_id job, const job_event& event) {
  if (control_) perform(control_->on_answer(job, now_us(), event));
}

void coordinator_shell::perform(job_id job, job_control::action what) {
  if (auto* record = std::get_if<job_control::log_append>(&what)) {
    by_keeper<result<void>>(
        job, [record = std::move(record->what)](job_keeper& keeper) { return keeper.append(record); },
        [job](coordinator_shell& shell, result<void> done) {
          if (!done) return shell.on_lost(job, done.error());
          shell.tell(job, [&](job_control& it) { return it.on_recorded(shell.now_us()); });
        });
  } else if (auto* failed = std::get_if<job_control::keep_cause>(&what)) {
    keep_cause(job, std::move(failed->what));
  } else if (const auto* recover = std::get_if<job_control::recover_sinks>(&what)) {
    by_keeper<std::optional<failure>>(
        job, [last = recover->last](job_keeper& keeper) { return keeper.recover_sinks(last); },
        [job, last = recover->last](coordinator_shell& shell, std::optional<failure> cause) {
          shell.tell(job, [&](job_control& it) { return it.on_sinks_recovered(last, std::move(cause), shell.now_us()); });
        });
  } else if (const auto* shape = std::get_if<job_control::make_shape>(&what)) {
    by_keeper<std::shared_ptr<result<job_control::shape>>>(
        job,
        [parallelism = shape->parallelism](job_keeper& keeper) {
          return std::make_shared<result<job_control::shape>>(keeper.make_shape(parallelism));
        },
        [job, parallelism = shape->parallelism](coordinator_shell& shell,
                                                std::shared_ptr<result<job_control::shape>> made) {
          entry& it = shell.entries_.at(job);
          if (*made) it.plan = it.keeper->plan();
          shell.tell(job, [&](job_control& at) { return at.on_shape(parallelism, std::move(*made), shell.now_us()); });
        });
  } else if (auto* epoch = std::get_if<job_control::store>(&what)) {
    auto shared = std::make_shared<job_control::store>(std::move(*epoch));
    by_keeper<result<job_keeper::stored>>(
        job, [shared](job_keeper& keeper) { return keeper.store(*shared); },
        [job, number = shared->cut.epoch](coordinator_shell& shell, result<job_keeper::stored> outcome) {
          if (!outcome) return shell.on_lost(job, outcome.error());
          shell.on_stored(job, number, *outcome);
        });
  } else if (const auto* commit = std::get_if<job_control::commit>(&what)) {
    by_keeper<std::optional<failure>>(
        job, [one = *commit](job_keeper& keeper) { return keeper.commit(one.sink, one.cut.epoch, one.previous); },
        [job, one = *commit, began = now_us()](coordinator_shell& shell, std::optional<failure> cause) {
          checkpoint_counters::sink& counted = shell.entries_.at(job).counters->sinks.at(one.sink);
          if (cause) ++counted.errors;
          else counted.commit.observe(shell.now_us() - began);
          shell.tell(job, [&](job_control& it) {
            return it.on_committed(one.sink, one.cut.epoch, std::move(cause), shell.now_us());
          });
        });
  } else if (std::holds_alternative<job_control::collect>(what)) {
    by_keeper<result<void>>(
        job, [](job_keeper& keeper) { return keeper.collect(); },
        [job](coordinator_shell& shell, result<void> done) {
          if (!done) shell.on_lost(job, done.error());
        });
  } else if (const auto* told = std::get_if<job_control::answer>(&what)) {
    reply(*told);
  }
}

/// A record's place in the log is another's, or nobody knows whether it is there: this term is over, the next one reads.
void coordinator_shell::on_lost(job_id job, const failure& cause) {
  log_line(log_level::warning, "coordinator", "job " + entries_.at(job).name + ": " + cause.message);
  perform(leadership_.on_term_seen(term_id(leadership_.term().value + 1)));
}

void coordinator_shell::on_stored(job_id job, epoch_id epoch, const job_keeper::stored& outcome) {
  entry& it = entries_.at(job);
  if (outcome.cause) {
    ++it.counters->failed;
  } else {
    it.checkpoints.push_back(outcome.summary);
    const auto triggered = it.triggered_us.find(epoch.value);
    if (triggered != it.triggered_us.end()) {
      it.checkpoints.back().duration_us = now_us() - triggered->second;
      it.counters->duration.observe(it.checkpoints.back().duration_us);
    }
    ++it.counters->completed;
    it.counters->last_bytes = outcome.summary.bytes;
    it.counters->last_completed_us = outcome.summary.completed_at_us;
    if (it.checkpoints.size() > kept_checkpoints) it.checkpoints.pop_front();
  }
  // Those before it were aborted.
  const auto over = it.triggered_us.upper_bound(epoch.value);
  it.counters->failed += static_cast<uint64_t>(std::max<ptrdiff_t>(std::distance(it.triggered_us.begin(), over) - 1, 0));
  it.triggered_us.erase(it.triggered_us.begin(), over);
  tell(job, [&](job_control& at) { return at.on_stored(epoch, outcome.cause, now_us()); });
}

void coordinator_shell::on_triggered(const epoch_order& order) {
  const auto found = entries_.find(order.job);
  if (found != entries_.end() && order.what == epoch_order::kind::trigger)
    found->second.triggered_us.try_emplace(order.cut.epoch.value, now_us());
}

void coordinator_shell::publish() {
  std::vector<job_control_metrics> made;
  diary_.on_workers(control_->workers());
  for (auto& [id, it] : entries_) {
    const auto found = control_->jobs().find(id);
    const bool known = found != control_->jobs().end();
    const job_summary summary = summary_of(id, it);
    diary_.on_job(summary, known ? found->second.causes() : std::vector<attempt_failure>());
    if (!known || !it.counters || !it.plan) continue;
    for (const attempt_failure& each : found->second.causes())
      if (each.at_us > it.failure_seen_us) ++it.restarts[each.cause.code];
    if (!found->second.causes().empty()) it.failure_seen_us = found->second.causes().back().at_us;
    job_control_metrics one{.job = it.name, .state = summary.state, .started_us = it.opened_us};
    one.restarts = it.restarts;
    one.checkpoint_interval_us = it.plan->checkpoint().interval_us();
    read_checkpoints(one, *it.plan, *it.counters);
    made.push_back(std::move(one));
  }
  const std::lock_guard lock(core_->mutex);
  core_->jobs = std::move(made);
}

void coordinator_shell::reply(const job_control::answer& what) {
  const auto found = asked_.find(what.request);
  if (found == asked_.end()) return;
  const auto all = std::move(found->second);
  asked_.erase(found);
  for (const answer<epoch_id>& each : all) {
    if (what.refused) each(*what.refused);
    else each(what.epoch);
  }
}

namespace {

node_actor::behavior_type behave_as_coordinator(node_actor::stateful_pointer<std::unique_ptr<coordinator_shell>> self,
                                 std::shared_ptr<coordinator_core> core) {
  self->state = std::make_unique<coordinator_shell>(self, core);
  coordinator_shell* shell = self->state.get();
  core->shell = shell;
  make_quiet(self, [shell](failure cause) { shell->stop(std::move(cause)); });
  self->set_down_handler([shell](caf::down_msg& down) { shell->on_down(down.source); });
  return {[](const node_work& work) { work.what(); }};
}

}  // namespace

node_actor spawn_coordinator_shell(const std::shared_ptr<coordinator_core>& core) {
  return core->network.system().spawn(behave_as_coordinator, core);
}

}  // namespace systole
