#include "tests/coordination/simulated_cluster.h"

namespace systole::testing {

void simulated_coordinator::later(int64_t least_us, int64_t most_us, std::function<void()> what) {
  cluster_.world.at(process_, cluster_.world.random.between(least_us, most_us),
                    [this, term = leadership_.term(), what = std::move(what)] {
                      if (control_ && leadership_.leads() && leadership_.term() == term) what();
                    });
}

void simulated_coordinator::start() {
  leadership_ = {};
  control_.reset();
  tick(++turn_);
}

void simulated_coordinator::tick(uint64_t turn) {
  if (turn != turn_) return;
  if (control_) perform(control_->on_time(cluster_.world.now_us));
  const timestamp_us next = control_ ? control_->next_wakeup_us() : cluster_.world.now_us + 200'000;
  const int64_t wait = std::clamp<int64_t>(next - cluster_.world.now_us, 1'000, 200'000);
  cluster_.world.at(process_, wait, [this, turn] { tick(turn); });
}

void simulated_coordinator::on_message(const worker_message& what) {
  if (control_) perform(control_->on_message(what, cluster_.world.now_us));
}
void simulated_coordinator::on_connection_lost(incarnation_id worker) {
  if (control_) perform(control_->on_connection_lost(worker, cluster_.world.now_us));
}
void simulated_coordinator::request(job_request what) {
  if (control_) perform(control_->on_request(simulated_cluster::job, what, cluster_.world.now_us));
}

void simulated_coordinator::perform(const leadership::actions& what) {
  for (const leadership::action& each : what) {
    const auto soon = [&](std::function<void()> then) {
      cluster_.world.at(process_, cluster_.world.random.between(1'000, 50'000), std::move(then));
    };
    switch (each.do_this) {
      case leadership::action::kind::read:
        soon([this] {
          cluster_seen_ = cluster_.storage.cluster.end();
          perform(leadership_.on_read(cluster_.storage.cluster.highest()));
        });
        break;
      case leadership::action::kind::claim:
        soon([this, term = each.term] {
          proto::LogRecord record;
          record.set_term(term.value);
          record.mutable_led();
          const bool ours = cluster_.storage.cluster.append(cluster_seen_, record, cluster_.guards.create);
          perform(ours ? leadership_.on_claimed(term) : leadership_.on_claim_lost());
        });
        break;
      case leadership::action::kind::lead:
        control_ = std::make_unique<cluster_control>(cluster_control::settings{}, each.term, cluster_.world.now_us);
        open_job(each.term);
        tick(++turn_);
        break;
      case leadership::action::kind::step_down:
        control_.reset();
        cluster_.world.at(process_, 100'000, [this] {
          if (cluster_.lock_holder == process_) elected();
        });
        break;
    }
  }
}

/// Claims the job's log, then reads it.
void simulated_coordinator::open_job(term_id term) {
  later(1'000, 50'000, [this, term] {
    simulated_log& log = cluster_.storage.job;
    job_seen_ = log.end();
    if (log.highest() > term) return step_down(log.highest());
    later(100, 20'000, [this, term] {
      simulated_log& claimed = cluster_.storage.job;
      proto::LogRecord record;
      record.set_term(term.value);
      record.mutable_led();
      if (!claimed.append(job_seen_, record, cluster_.guards.create)) return open_job(term);
      auto history = read_history(claimed.readable());
      if (!history) return cluster_.world.damaged("the job's log: " + history.error().message);
      job_control::settings with;
      with.job = simulated_cluster::job;
      with.checkpoint_interval_us = 300'000;
      with.checkpoint_timeout_us = 1'500'000;
      with.deploy_timeout_us = 2'000'000;
      with.end_timeout_us = 1'000'000;
      with.adoption_wait_us = 1'000'000;
      with.restarts.most_delay_us = 500'000;
      job_control::origin from{*history, {}, barrier_kind::checkpoint};
      if (const auto last = history->last()) {
        const auto found = cluster_.storage.checkpoints.find(last->epoch.value);
        if (found == cluster_.storage.checkpoints.end()) return;  // two lines of epochs: damaged already
        from.previous = found->second.previous;
        from.last_kind = found->second.kind;
      }
      const uint32_t parallelism = history->attempts > 0 ? history->last_parallelism : history->parallelism;
      perform(control_->add_job(with, simulated_cluster::shape_of(parallelism), from, cluster_.world.now_us));
      if (control_) control_->on_jobs_known();
    });
  });
}

/// A record's number was taken by another, or somebody knows a higher term.
void simulated_coordinator::step_down(term_id higher) {
  perform(leadership_.on_term_seen(std::max(higher, term_id(leadership_.term().value + 1))));
}

void simulated_coordinator::perform(cluster_control::actions what) {
  for (const cluster_control::action& each : what) {
    if (!control_) return;
    if (const auto* message = std::get_if<cluster_control::send>(&each)) {
      cluster_.to_worker(process_, message->to, message->what);
    } else if (const auto* higher = std::get_if<cluster_control::step_down>(&each)) {
      return step_down(higher->higher);
    } else {
      perform(std::get<cluster_control::of_job>(each).what);
    }
  }
}

void simulated_coordinator::perform(const job_control::action& what) {
  const auto answer = [this](auto event) {
    perform(control_->on_answer(simulated_cluster::job, cluster_.world.now_us, event));
  };
  if (const auto* record = std::get_if<job_control::log_append>(&what)) {
    append(record->what,
           [this, answer] { answer([this](job_control& job) { return job.on_recorded(cluster_.world.now_us); }); });
    if (record->what.has_started()) ++cluster_.attempts;
  } else if (const auto* failed = std::get_if<job_control::keep_cause>(&what)) {
    proto::LogRecord cause;
    cause.set_term(leadership_.term().value);
    *cause.mutable_failed() = to_log(failed->what);
    append(std::move(cause), [] {});
  } else if (const auto* recover = std::get_if<job_control::recover_sinks>(&what)) {
    commit(recover->last, true, [this, answer, last = recover->last](std::optional<failure> cause) {
      answer([&](job_control& job) { return job.on_sinks_recovered(last, cause, cluster_.world.now_us); });
    });
  } else if (const auto* shape = std::get_if<job_control::make_shape>(&what)) {
    later(1'000, 20'000, [answer, this, parallelism = shape->parallelism] {
      answer([&](job_control& job) {
        return job.on_shape(parallelism, simulated_cluster::shape_of(parallelism), cluster_.world.now_us);
      });
    });
  } else if (const auto* epoch = std::get_if<job_control::store>(&what)) {
    store(*epoch);
  } else if (const auto* sink = std::get_if<job_control::commit>(&what)) {
    commit(sink->cut.epoch, false, [this, answer, one = *sink](std::optional<failure> cause) {
      answer([&](job_control& job) { return job.on_committed(one.sink, one.cut.epoch, cause, cluster_.world.now_us); });
    });
  } else if (const auto* done = std::get_if<job_control::collect>(&what)) {
    cluster_.storage.expect_whole(done->committed);
    fold();
  }
}

void simulated_coordinator::append(proto::LogRecord record, std::function<void()> then) {
  later(500, 20'000, [this, record = std::move(record), then = std::move(then)] {
    simulated_log& log = cluster_.storage.job;
    if (!log.append(job_seen_, record, cluster_.guards.create)) return step_down(log.highest());
    then();
  });
}

void simulated_coordinator::store(const job_control::store& what) {
  simulated_checkpoint made;
  made.epoch = what.cut.epoch;
  made.previous = what.previous;
  made.kind = what.cut.kind;
  for (const auto& facts : what.facts) {
    const simulated_snapshot& part = cluster_.storage.snapshots[facts->subtask()];
    for (const auto& [split, position] : part.positions) made.positions[split] = position;
    if (part.is_sink) made.sinks.push_back(part);
  }
  later(500, 60'000, [this, made = std::move(made)] {
    if (!cluster_.storage.complete(job_seen_, leadership_.term(), made))
      return step_down(cluster_.storage.job.highest());
    perform(control_->on_answer(simulated_cluster::job, cluster_.world.now_us, [&](job_control& job) {
      return job.on_stored(made.epoch, std::nullopt, cluster_.world.now_us);
    }));
  });
}

/// Publishes an epoch's rows of all shards to sink 0; on recovery to sink 1 also, for its shards may have no task any
/// more.
void simulated_coordinator::commit(epoch_id epoch, bool recovery, std::function<void(std::optional<failure>)> then) {
  later(500, 40'000, [this, epoch, recovery, then = std::move(then)] {
    if (epoch.value == 0) return then(std::nullopt);
    const auto found = cluster_.storage.checkpoints.find(epoch.value);
    bool done = found != cluster_.storage.checkpoints.end();
    if (done) {
      std::vector<simulated_row> rows;
      for (const simulated_snapshot& each : found->second.sinks)
        rows.insert(rows.end(), each.outbox.begin(), each.outbox.end());
      done = cluster_.storage.commit(0, 0, epoch, found->second.previous, rows);
      for (const simulated_snapshot& each : found->second.sinks)
        done =
            done && (!recovery || cluster_.storage.commit(1, each.shard, epoch, found->second.previous, each.outbox));
    }
    if (done) then(std::nullopt);
    else then(fail(error_code::unavailable, "the sink is past this epoch"));
  });
}

void simulated_coordinator::fold() {
  const auto history = read_history(cluster_.storage.job.readable());
  if (!history || history->records < 16) return;
  proto::LogRecord base = folded(*history, leadership_.term(), 2);
  append(std::move(base), [] {});
}

}  // namespace systole::testing
