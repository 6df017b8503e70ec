#include "actors/local_job.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/send.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "actors/attempt.h"
#include "actors/attempt_world.h"
#include "actors/job_actor.h"
#include "actors/job_meter.h"
#include "actors/job_recovery.h"
#include "actors/planned_tables.h"
#include "base/log.h"
#include "coordination/deployment.h"
#include "coordination/saved_state.h"

namespace systole {

class local_job::impl {
 public:
  impl(proto::PhysicalPlan plan, local_job_options options, job_components components)
      : plan_(std::move(plan)),
        options_(std::move(options)),
        components_(std::move(components)),
        crash_(options_.crash_at),
        restarts_(restart_settings()),
        meter_(plan_, *components_.time),
        metrics_(plan_.job(), *components_.time),
        started_us_(now_us()) {}

  job_outcome run() {
    const std::chrono::nanoseconds started = components_.time->monotonic();
    job_outcome outcome;
    if (auto ended = run_attempts(outcome); !ended) {
      outcome.how = job_outcome::kind::failed;
      outcome.cause = std::move(ended).error();
    }
    state_ = outcome.how == job_outcome::kind::finished  ? "finished"
             : outcome.how == job_outcome::kind::stopped ? "stopped"
                                                         : "failed";
    outcome.attempts = restarts_.causes();
    outcome.checkpoints = counters_->completed;
    if (last_) {
      outcome.last_epoch = epoch_id(last_->epoch());
      outcome.drained = last_->drained();
      if (auto steps = report_steps(plan_, *last_)) outcome.steps = std::move(*steps);
    }
    outcome.took = std::chrono::duration_cast<std::chrono::microseconds>(components_.time->monotonic() - started);
    return outcome;
  }

  void request_stop(bool drain) {
    const std::lock_guard lock(mutex_);
    (drain ? drain_wanted_ : stop_wanted_) = true;
    if (job_) caf::anon_send(job_, stop_job{drain});
    changed_.notify_all();
  }

  job_metrics metrics() const { return metrics_.read(); }
  job_control_metrics control_metrics() const {
    job_control_metrics made{.job = plan_.job(), .state = state_.load(), .started_us = started_us_};
    for (size_t code = 0; code < restarts_by_code_.size(); ++code)
      made.restarts[static_cast<error_code>(code)] = restarts_by_code_[code].load(std::memory_order_relaxed);
    made.checkpoint_interval_us =
        options_.checkpoint_interval ? options_.checkpoint_interval->count() : plan_.checkpoint().interval_us();
    read_checkpoints(made, plan_, *counters_);
    return made;
  }

 private:
  restart_policy::settings restart_settings() const {
    restart_policy::settings made;
    made.restarts = options_.restarts.value_or(plan_.restart().strategy() != "none");
    if (plan_.restart().initial_delay_us() > 0) made.initial_delay_us = plan_.restart().initial_delay_us();
    if (plan_.restart().max_delay_us() > 0) made.most_delay_us = plan_.restart().max_delay_us();
    return made;
  }

  void tell(job_event::kind what, std::string message) {
    if (options_.on_event) options_.on_event({what, std::move(message)});
  }

  result<void> open() {
    if (options_.state_directory.empty()) return fail(error_code::invalid_argument, "a job needs a state directory");
    file_system& files = *components_.files;
    SYSTOLE_TRY(files.create_directories(options_.state_directory));
    SYSTOLE_ASSIGN(lock_, files.lock(options_.state_directory + "/lock"));
    SYSTOLE_TRY(files.remove_all(options_.state_directory + "/work"));
    SYSTOLE_TRY(files.create_directories(options_.state_directory + "/work"));
    SYSTOLE_TRY(files.create_directories(options_.state_directory + "/outbox"));
    SYSTOLE_ASSIGN(store_, components_.open_store(files, options_.state_directory + "/checkpoints", plan_.job()));
    SYSTOLE_ASSIGN(whole_, expand_plan(plan_));
    if (options_.rewind_to) {
      SYSTOLE_ASSIGN(const std::vector<std::string> effects, rewind_job(*store_, plan_, epoch_id(*options_.rewind_to)));
      tell(job_event::kind::rewound, "rewound to checkpoint " + std::to_string(*options_.rewind_to));
      for (const std::string& each : effects) tell(job_event::kind::rewound, "  " + each);
    }
    return {};
  }

  /// Until the job has ended one way or the other; fails where it could not even begin.
  result<void> run_attempts(job_outcome& outcome) {
    SYSTOLE_TRY(open());
    while (true) {
      auto done = run_attempt(outcome);
      if (done) {
        if (done->how != attempt_result::kind::failed) {
          outcome.how =
              done->how == attempt_result::kind::finished ? job_outcome::kind::finished : job_outcome::kind::stopped;
          return {};
        }
      }
      const failure cause =
          done ? done->cause.value_or(fail(error_code::internal, "the attempt failed")) : done.error();
      if (done && done->actors_left) {
        outcome.advice = "a thread of the job hangs in a call, so this process cannot try again";
        return cause;
      }
      const auto decision = restarts_.on_failure(now_us(), cause, epoch_id(last_ ? last_->epoch() : 0));
      if (!decision.restart) {
        outcome.advice = decision.why;
        return cause;  // the caller tells it
      }
      state_ = "restarting";
      ++restarts_by_code_[static_cast<size_t>(cause.code)];
      tell(job_event::kind::failed, cause.message);
      tell(job_event::kind::restarting,
           "restarting from the last checkpoint in " + std::to_string(decision.delay_us / 1000) + " ms");
      if (wait_for_stop(std::chrono::microseconds(decision.delay_us))) {
        outcome.how = job_outcome::kind::stopped;
        return {};
      }
    }
  }

  /// One attempt from recovery to the end of all actors. An error: it could not be started.
  result<attempt_result> run_attempt(job_outcome& outcome) {
    state_ = "deploying";
    SYSTOLE_ASSIGN(recovered_job recovered, recover_job(*store_, plan_.job()));
    last_ = recovered.restored;
    if (last_) counters_->restored_us = last_->completed_at_us();
    restarts_.on_start(now_us(), epoch_id(last_ ? last_->epoch() : 0), ++attempts_);
    if (recovered.history.finished) {
      outcome.nothing_to_do = attempts_ == 1;
      return attempt_result{.how = attempt_result::kind::finished};
    }
    attempt_world world(plan_, whole_, components_, *store_, crash_, share(), last_);
    if (last_ && attempts_ == 1) SYSTOLE_TRY(compare_plan(world.context()));
    const term_id term(std::max(recovered.history.term.value, term_.value) + (term_.value == 0 ? 1 : 0));
    term_ = term;
    proto::LogRecord record;
    record.set_term(term.value);
    record.set_nonce(make_uuid());
    record.mutable_started()->set_attempt(recovered.history.attempts + 1);
    for (const proto::Node& node : plan_.nodes()) {
      if (!node.has_sink()) continue;
      proto::LogRecord::SinkShards& shards = *record.mutable_started()->add_sinks();
      shards.set_step(node.step());
      shards.set_shards(world.shards_of(node.id()));
      uint32_t& most = recovered.history.most_shards[node.step()];
      most = std::max(most, shards.shards());
    }
    SYSTOLE_TRY(store_->append(std::move(record)));

    attempt_parts parts{.whole = &whole_,
                        .store = store_.get(),
                        .time = components_.time,
                        .crash = &crash_,
                        .job = plan_.job(),
                        .max_parallelism = plan_.max_parallelism(),
                        .retained = std::max(plan_.checkpoint().retained(), 1u),
                        .term = term,
                        .shutdown_deadline = options_.shutdown_deadline,
                        .end = std::make_shared<attempt_end>(),
                        .counters = counters_};
    SYSTOLE_TRY(world.open_connectors({.term = term_,
                                        .attempt = recovered.history.attempts + 1,
                                        .still_current = [ended = parts.ended] { return !ended->load(); }}));
    SYSTOLE_ASSIGN(parts.sinks, world.make_committers(recovered.history.most_shards));
    SYSTOLE_TRY(recover_sinks(plan_, parts.sinks, last_.get(), last_ && last_->epoch() < recovered.history.highest));
    if (last_ && last_->is_final()) {
      proto::LogRecord finished;
      finished.set_term(term.value);
      finished.set_nonce(make_uuid());
      finished.mutable_finished()->set_epoch(last_->epoch());
      SYSTOLE_TRY(store_->append(std::move(finished)));
      return attempt_result{.how = attempt_result::kind::finished};
    }
    task_counters_.clear();
    for (const planned_task& each : whole_.tasks) {
      task_counters_.push_back(std::make_shared<task_counters>(each.nodes.size()));
      auto made = world.build(each, task_counters_.back());
      if (!made) return explain_damage(*store_, recovered.history, std::move(made).error());
      parts.tasks.push_back(std::move(*made));
      parts.detached.push_back(may_block(plan_, each));
    }
    parts.state_writers = static_cast<uint32_t>(std::min<size_t>(whole_.tasks.size(), most_state_writers));
    if (last_) parts.to_verify = base_files(*last_);
    parts.checkpoints = checkpoint_settings(recovered.history, parts);
    tell(last_ ? job_event::kind::resumed : job_event::kind::started,
         last_ ? "resumed from checkpoint " + std::to_string(last_->epoch()) : "");
    metrics_.begin(plan_, whole_, task_counters_);
    state_ = "running";
    attempt_result ended = run_actors(std::move(parts));
    metrics_.end();
    if (ended.cause) ended.cause = explain_damage(*store_, recovered.history, std::move(*ended.cause));
    return ended;
  }

  process_share share() const {
    return {.directory = options_.state_directory,
            .outbox_directory = options_.state_directory + "/outbox",
            .secret_directory = options_.secret_directory,
            .memory_bytes = options_.memory_bytes,
            .outbox_bytes = options_.outbox_bytes,
            .batch_rows = options_.batch_rows,
            .in_memory = options_.in_memory,
            .console_is_terminal = options_.console_is_terminal};
  }

  /// The saved state beside the plan, before anything is touched.
  result<void> compare_plan(const build_context& context) {
    SYSTOLE_ASSIGN(const planned_tables tables, tables_of_plan(context));
    const saved_state_comparison compared = compare_with_saved(plan_, *last_, tables);
    if (!compared.changed()) return {};
    if (auto refused = refusal_of(compared, options_.allow_drop_state)) return std::move(*refused);
    tell(job_event::kind::resumed, "the manifest has changed: " + compared.summary());
    return {};
  }

  attempt_result run_actors(attempt_parts parts) {
    const std::shared_ptr<attempt_end> end = parts.end;
    caf::actor_system_config config;
    config.set("scheduler.policy", caf::atom("sharing"));  // idle workers sleep, they do not poll
    config.set("scheduler.max-threads", std::max<size_t>(std::thread::hardware_concurrency(), 1));
    auto system = std::make_unique<caf::actor_system>(config);
    {
      const std::lock_guard lock(mutex_);
      job_ = spawn_job(*system, std::move(parts));
      if (stop_wanted_) caf::anon_send(job_, stop_job{false});
      if (drain_wanted_) caf::anon_send(job_, stop_job{true});
    }
    std::optional<attempt_result> done;
    uint64_t told_epoch = counters_->last_epoch;
    while (!(done = end->wait_for(options_.progress_interval))) {
      if (options_.on_progress)
        options_.on_progress(meter_.read(whole_, task_counters_, *counters_, attempts_));
      if (const uint64_t epoch = counters_->last_epoch; epoch != told_epoch) {
        told_epoch = epoch;
        tell(job_event::kind::checkpointed, "epoch " + std::to_string(epoch));
      }
    }
    if (options_.on_progress)
      options_.on_progress(meter_.read(whole_, task_counters_, *counters_, attempts_));
    {
      const std::lock_guard lock(mutex_);
      job_ = nullptr;
    }
    if (done->last) last_ = done->last;
    next_epoch_ = std::max(next_epoch_, done->next_epoch);
    // The system's destructor waits for every actor; one that hangs in a call would hang us too.
    if (done->actors_left) (void)system.release();
    return *done;
  }

  checkpoint_coordinator::settings checkpoint_settings(const checkpoint_history& history,
                                                       const attempt_parts& parts) const {
    checkpoint_coordinator::settings made;
    made.tasks = static_cast<uint32_t>(parts.tasks.size());
    made.sinks = static_cast<uint32_t>(parts.sinks.size());
    made.interval_us =
        options_.checkpoint_interval ? options_.checkpoint_interval->count() : plan_.checkpoint().interval_us();
    if (plan_.checkpoint().timeout_us() > 0) made.timeout_us = plan_.checkpoint().timeout_us();
    made.most_aborts = epochs_reserved_per_attempt;
    made.last_completed = epoch_id(last_ ? last_->epoch() : 0);
    // A first attempt ever begins with 1; one within this process goes on where the last left off.
    const epoch_id fresh = history.attempts == 0 ? epoch_id(1) : history.next_epoch;
    made.first = next_epoch_.value > 0 ? std::max(next_epoch_, epoch_id(made.last_completed.value + 1)) : fresh;
    return made;
  }

  timestamp_us now_us() const { return components_.time->now_us(); }

  /// True where a stop is wanted within the time.
  bool wait_for_stop(std::chrono::microseconds wait) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait, [this] { return stop_wanted_ || drain_wanted_; });
  }

  static constexpr size_t most_state_writers = 4;

  proto::PhysicalPlan plan_;
  local_job_options options_;
  job_components components_;
  crash_points crash_;
  restart_policy restarts_;
  uint32_t attempts_ = 0;  ///< of this process
  progress_meter meter_;
  std::unique_ptr<file_lock> lock_;
  std::unique_ptr<checkpoint_store> store_;
  deployment whole_;
  std::shared_ptr<const proto::CheckpointMetadata> last_;
  std::vector<std::shared_ptr<task_counters>> task_counters_;
  std::shared_ptr<checkpoint_counters> counters_ = std::make_shared<checkpoint_counters>(static_cast<size_t>(
      std::count_if(plan_.nodes().begin(), plan_.nodes().end(), [](const proto::Node& each) { return each.has_sink(); })));
  term_id term_;
  epoch_id next_epoch_;

  job_meter metrics_;
  const timestamp_us started_us_;
  std::atomic<const char*> state_{"deploying"};  ///< as job_control's are called
  std::array<std::atomic<uint64_t>, static_cast<size_t>(error_code::internal) + 1> restarts_by_code_{};

  std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  job_actor job_;
  bool stop_wanted_ = false;
  bool drain_wanted_ = false;
};

local_job::local_job(proto::PhysicalPlan plan, local_job_options options, job_components components)
    : impl_(std::make_unique<impl>(std::move(plan), std::move(options), std::move(components))) {}
local_job::~local_job() = default;
job_outcome local_job::run() { return impl_->run(); }
void local_job::request_stop(bool drain) { impl_->request_stop(drain); }
job_metrics local_job::metrics() const { return impl_->metrics(); }
job_control_metrics local_job::control_metrics() const { return impl_->control_metrics(); }

}  // namespace systole
