#include "coordination/job_control.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace systole {
namespace {

constexpr timestamp_us never_due = std::numeric_limits<timestamp_us>::max();

/// Slots that tasks of one worker take: one per subtask of the widest group.
uint32_t slots_of(const job_control::shape& shape, const std::vector<uint32_t>& tasks) {
  std::vector<std::pair<uint32_t, uint32_t>> seen;
  for (const uint32_t task : tasks) seen.emplace_back(shape.tasks[task].group, shape.tasks[task].subtask);
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  uint32_t most = 0;
  for (size_t i = 0, begin = 0; i < seen.size(); ++i) {
    if (seen[i].first != seen[begin].first) begin = i;
    most = std::max(most, static_cast<uint32_t>(i - begin + 1));
  }
  return most;
}

}  // namespace

job_control::job_control(const settings& with, term_id term, shape made, const origin& from, timestamp_us now_us)
    : with_(with),
      term_(term),
      shape_(std::move(made)),
      restarts_(with.restarts),
      parallelism_(from.history.attempts > 0 ? from.history.last_parallelism : from.history.parallelism),
      wanted_parallelism_(from.history.parallelism),
      attempts_(from.history.last_attempt),
      deadline_us_(now_us),
      repeat_at_us_(now_us) {
  if (const auto last = from.history.last()) {
    last_completed_ = last->epoch;
    previous_ = from.previous;
    last_kind_ = from.last_kind;
  }
  committed_ = std::min(from.history.committed, last_completed_);
  next_epoch_ = from.history.attempts == 0 ? epoch_id(1) : from.history.next_epoch;
  members_ =
      attempt_members(with.job, {from.history.last_attempt_term, attempt_id(static_cast<uint32_t>(attempts_))}, {});
  if (from.history.finished) state_ = state::finished;
  switch (from.history.wish) {
    case proto::LogRecord::STOP: wish_ = wish::stop; break;
    case proto::LogRecord::CANCEL: wish_ = wish::cancel; break;
    case proto::LogRecord::DRAIN: drain_ = true; break;
    default: break;
  }
  for (const std::string& id : from.history.requests) answers_.push_back({id, std::nullopt, {}});
}

job_control::actions job_control::open(timestamp_us now_us) {
  actions out;
  if (state_ == state::finished) return out;
  if (wish_ == wish::cancel) {
    begin_ending(state::cancelled, now_us, out);
  } else if (attempts_ > 0) {
    state_ = state::adopting;
    deadline_us_ = now_us + with_.adoption_wait_us;
  } else if (wish_ == wish::stop) {
    begin_ending(state::stopped, now_us, out);
  } else {
    next_attempt(now_us, out);
  }
  return out;
}

// ---- workers

job_control::actions job_control::on_report(incarnation_id from, const std::string& name, const attempt_report* report,
                                            timestamp_us now_us) {
  actions out;
  if (state_ == state::adopting) {
    if (report) on_adoptable(from, name, *report, now_us, out);
    return out;
  }
  const bool member = members_.find(from) != nullptr;
  if (!report) {
    bool lost = false;
    if (auto again = members_.on_absent(from, term_, lost)) out.push_back(send{from, std::move(*again)});
    if (lost && attempt_alive())
      fail_attempt(fail(error_code::unavailable, "worker " + name + " lost its tasks"), now_us, out);
  } else if (report->stamp == members_.stamp() && member) {
    if (auto again = members_.on_report(from, *report, term_)) out.push_back(send{from, std::move(*again)});
  } else if (report->phase != attempt_phase::ending) {
    end_order(from, report->stamp, out);
  }
  look_at_members(now_us, out);
  return out;
}

void job_control::end_order(incarnation_id to, attempt_stamp stamp, actions& out) const {
  attempt_order order;
  order.term = term_;
  order.to = to;
  order.job = with_.job;
  order.stamp = stamp;
  order.goal = attempt_goal::ended;
  out.push_back(send{to, std::move(order)});
}

/// While it is not known what runs: collects the tasks of the attempt that the log started last.
void job_control::on_adoptable(incarnation_id from, const std::string& name, const attempt_report& report,
                               timestamp_us now_us, actions& out) {
  if (report.stamp != members_.stamp()) {
    if (report.phase != attempt_phase::ending) end_order(from, report.stamp, out);
    return;
  }
  std::vector<attempt_members::member> members = members_.list();
  const auto known =
      std::find_if(members.begin(), members.end(), [&](const auto& each) { return each.incarnation == from; });
  attempt_members::member made{from, name, {}, report.tasks, slots_of(shape_, report.tasks), report, false};
  if (known != members.end()) *known = std::move(made);
  else members.push_back(std::move(made));
  members_ = attempt_members(with_.job, members_.stamp(), std::move(members));

  std::vector<uint32_t> tasks;
  for (const auto& each : members_.list())
    if (!each.gone) tasks.insert(tasks.end(), each.tasks.begin(), each.tasks.end());
  std::sort(tasks.begin(), tasks.end());
  const bool twice = std::adjacent_find(tasks.begin(), tasks.end()) != tasks.end();
  const bool fits = tasks.empty() || tasks.back() < shape_.tasks.size();
  if (report.phase != attempt_phase::running || twice || !fits) {
    let_go(out);
    if (wish_ == wish::stop) return begin_ending(state::stopped, now_us, out);
    return next_attempt(now_us, out);
  }
  if (tasks.size() != shape_.tasks.size()) return;
  members_.wanted().goal = attempt_goal::running;
  restarts_.on_start(now_us, last_completed_, static_cast<uint32_t>(attempts_));
  leaving_ = members_.any_stopping();  // its sources read no more: whatever was to follow, another attempt does
  become_running(last_completed_.value > 0 ? std::optional(barrier{last_completed_, last_kind_}) : std::nullopt, now_us,
                 out);
}

job_control::actions job_control::on_worker_gone(incarnation_id worker, timestamp_us now_us) {
  actions out;
  std::string name = "?";
  if (const auto* which = members_.find(worker)) name = which->name;
  const bool was_member = members_.on_gone(worker);
  if (was_member && attempt_alive())
    fail_attempt(fail(error_code::unavailable, "worker " + name + " is gone"), now_us, out);
  for (attempt_members::member& each : placed_)
    if (each.incarnation == worker) each.gone = true;
  look_at_members(now_us, out);
  return out;
}

job_control::actions job_control::on_worker_leaving(incarnation_id worker, timestamp_us now_us) {
  actions out;
  if (!attempt_alive() || !members_.find(worker) || leaving_) return out;
  leaving_ = true;
  obey(now_us, out);
  return out;
}

void job_control::look_at_members(timestamp_us now_us, actions& out) {
  if (state_ == state::ending) return maybe_ended(now_us, out);
  if (!attempt_alive()) return;
  if (const failure* cause = members_.first_failure()) return fail_attempt(*cause, now_us, out);
  if (state_ == state::deploying && sinks_recovered_ && members_.all(attempt_phase::prepared)) {
    state_ = state::launching;
    members_.wanted().goal = attempt_goal::running;
    return send_orders(out);
  }
  if (state_ == state::launching && members_.all(attempt_phase::running))
    return become_running(std::nullopt, now_us, out);
  if (state_ != state::running) return;
  for (const auto& each : members_.list()) {
    if (!each.seen) continue;
    for (const uint32_t task : each.seen->finished)
      if (state_ == state::running && task < shape_.tasks.size())
        perform(checkpoints_->on_task_finished(task, now_us), now_us, out);
  }
  if (state_ != state::running) return;
  const bool pause = members_.any_pressed();
  const bool all_paused = pause && members_.all_paused();
  attempt_order& wanted = members_.wanted();
  const bool inputs_ended = members_.all_inputs_ended();
  if (pause != wanted.pause || all_paused != wanted.all_paused || inputs_ended != wanted.inputs_ended) {
    wanted.pause = pause;
    wanted.all_paused = all_paused;
    wanted.inputs_ended = inputs_ended;
    send_orders(out);
  }
  if (members_.any_wants_epoch() && !checkpoints_->under_way())
    perform(checkpoints_->request_epoch(now_us), now_us, out);
}

// ---- attempts

job_control::actions job_control::on_placed(std::vector<attempt_members::member> members, timestamp_us now_us) {
  actions out;
  if (state_ != state::waiting) return out;
  (void)now_us;
  state_ = state::recording;
  placed_ = std::move(members);
  proto::LogRecord record;
  record.mutable_started()->set_attempt(++attempts_);
  record.mutable_started()->set_parallelism(parallelism_);
  append(std::move(record), out);
  return out;
}

void job_control::deploy(timestamp_us now_us, actions& out) {
  deploy_when_stored_ = storing_.has_value();  // what to restore is known only then
  if (deploy_when_stored_) return;
  if (last_kind_ == barrier_kind::final ||
      std::any_of(placed_.begin(), placed_.end(), [](const auto& each) { return each.gone; })) {
    placed_.clear();
    return next_attempt(now_us, out);
  }
  members_ = attempt_members(with_.job, {term_, attempt_id(static_cast<uint32_t>(attempts_))}, std::move(placed_));
  placed_.clear();
  attempt_order& wanted = members_.wanted();
  wanted.goal = attempt_goal::prepared;
  wanted.restore = last_completed_;
  wanted.parallelism = parallelism_;
  restarts_.on_start(now_us, last_completed_, static_cast<uint32_t>(attempts_));
  state_ = state::deploying;
  leaving_ = false;
  sinks_recovered_ = false;
  recovering_sinks_ = true;
  deadline_us_ = now_us + with_.deploy_timeout_us;
  out.push_back(recover_sinks{last_completed_});
  send_orders(out);
}

void job_control::become_running(std::optional<barrier> uncommitted, timestamp_us now_us, actions& out) {
  state_ = state::running;
  for (const auto& each : members_.list())
    for (const uint32_t task : each.tasks) shape_.tasks[task].warm_on = each.name;
  checkpoint_coordinator::settings made;
  made.tasks = static_cast<uint32_t>(shape_.tasks.size());
  made.sinks = static_cast<uint32_t>(shape_.sinks.size());
  made.interval_us = with_.checkpoint_interval_us;
  made.timeout_us = with_.checkpoint_timeout_us;
  made.most_aborts = epochs_reserved_per_attempt;
  made.first = next_epoch_;
  made.last_completed = last_completed_;
  made.uncommitted = uncommitted;
  made.previous = previous_;
  checkpoints_.emplace(made, now_us);
  // Epochs that another coordinator had under way are over.
  members_.wanted().closed = epoch_id(checkpoints_->next_epoch().value - 1);
  members_.wanted().committed = committed_;
  members_.wanted().drain = drain_;
  repeat_at_us_ = now_us + with_.repeat_us;
  if (uncommitted) perform(checkpoints_->commit_again(now_us), now_us, out);
  if (state_ != state::running) return;
  send_orders(out);
  obey(now_us, out);
  if (state_ == state::running) look_at_members(now_us, out);
}

/// Ends what the current members have of the attempt.
void job_control::let_go(actions& out) {
  if (checkpoints_) next_epoch_ = std::max(next_epoch_, checkpoints_->next_epoch());
  checkpoints_.reset();
  committing_.reset();
  facts_.clear();
  leaving_ = false;
  attempt_order& wanted = members_.wanted();
  if (std::exchange(wanted.goal, attempt_goal::ended) != attempt_goal::ended) send_orders(out);
  while (!savepoints_.empty()) {
    const std::string request = savepoints_.front().request;
    savepoints_.pop_front();
    reply(request, fail(error_code::unavailable, "the attempt ended before the savepoint was complete: ask again"), {},
          out);
  }
}

void job_control::fail_attempt(failure cause, timestamp_us now_us, actions& out) {
  if (!attempt_alive()) return;
  let_go(out);
  try_later(cause, now_us, out);
}

void job_control::try_later(const failure& cause, timestamp_us now_us, actions& out) {
  const restart_policy::decision decision = restarts_.on_failure(now_us, cause, last_completed_);
  out.push_back(keep_cause{restarts_.causes().back()});
  reason_ = cause.message;
  if (wish_ == wish::stop) return begin_ending(state::stopped, now_us, out);
  if (!decision.restart) {
    reason_ += "; " + decision.why;
    return begin_ending(state::failed, now_us, out);
  }
  state_ = state::restarting;
  deadline_us_ = now_us + decision.delay_us;
}

void job_control::next_attempt(timestamp_us now_us, actions& out) {
  missing_ = {};
  if (last_kind_ == barrier_kind::final && !storing_) return begin_ending(state::finished, now_us, out);
  if (wanted_parallelism_ != parallelism_) {
    if (std::exchange(state_, state::replanning) != state::replanning) out.push_back(make_shape{wanted_parallelism_});
    return;
  }
  state_ = state::waiting;
}

void job_control::begin_ending(state then, timestamp_us now_us, actions& out) {
  if (state_ == state::ending && after_ending_ == then) return;
  let_go(out);
  state_ = state::ending;
  after_ending_ = then;
  placed_.clear();
  deploy_when_stored_ = false;
  deadline_us_ = now_us + with_.end_timeout_us;
  maybe_ended(now_us, out);
}

void job_control::maybe_ended(timestamp_us now_us, actions& out) {
  if (state_ != state::ending || storing_ || !records_.empty() || recovering_sinks_) return;
  if (!members_.all_gone() && now_us < deadline_us_) return;
  // An attempt that ended between an epoch's completion and its last commit.
  if (committed_ < last_completed_ && after_ending_ != state::failed) {
    recovering_sinks_ = true;
    out.push_back(recover_sinks{last_completed_});
    return;
  }
  if (last_kind_ == barrier_kind::final && after_ending_ != state::failed) after_ending_ = state::finished;
  arrive(now_us, out);
}

void job_control::arrive(timestamp_us now_us, actions& out) {
  state_ = after_ending_;
  if (state_ == state::finished) {
    proto::LogRecord record;
    record.mutable_finished()->set_epoch(last_completed_.value);
    append(std::move(record), out);
  } else if (wish_ == wish::run && state_ != state::failed) {
    next_attempt(now_us, out);  // resumed meanwhile
  }
}

bool job_control::holds_slots() const { return state_ == state::recording || attempt_alive(); }

uint32_t job_control::slots_on(incarnation_id worker) const {
  if (!holds_slots()) return 0;
  for (const auto& each : state_ == state::recording ? placed_ : members_.list())
    if (each.incarnation == worker) return each.slots;
  return 0;
}

bool job_control::is_current(attempt_stamp stamp) const { return attempt_alive() && stamp == members_.stamp(); }

void job_control::send_orders(actions& out) {
  for (attempt_order& each : members_.orders(term_)) {
    const incarnation_id to = each.to;
    out.push_back(send{to, std::move(each)});
  }
}

// ---- answers of the shell

job_control::actions job_control::on_recorded(timestamp_us now_us) {
  actions out;
  if (records_.empty()) return out;
  const proto::LogRecord done = std::move(records_.front());
  records_.pop_front();
  if (!records_.empty()) out.push_back(log_append{records_.front()});
  if (done.has_asked()) obey_recorded(done, now_us, out);
  if (done.has_started() && state_ == state::recording) deploy(now_us, out);
  look_at_members(now_us, out);
  return out;
}

job_control::actions job_control::on_sinks_recovered(epoch_id last, std::optional<failure> cause, timestamp_us now_us) {
  actions out;
  if (last != last_completed_) return out;
  const bool awaited = std::exchange(recovering_sinks_, false);
  if (!awaited) return out;
  if (!cause) {
    committed_ = last;
    sinks_recovered_ = true;
    look_at_members(now_us, out);
  } else if (state_ == state::ending && after_ending_ == state::finished) {
    try_later(*cause, now_us, out);
  } else if (state_ == state::ending) {
    // What was completed stays so: it is committed when the job is resumed.
    reason_ = "the last checkpoint is not committed yet, resume the job for that: " + cause->message;
    arrive(now_us, out);
  } else {
    fail_attempt(std::move(*cause), now_us, out);
  }
  return out;
}

job_control::actions job_control::on_shape(uint32_t parallelism, result<shape> made, timestamp_us now_us) {
  actions out;
  if (state_ != state::replanning) return out;
  if (made) {
    shape_ = std::move(*made);
    parallelism_ = parallelism;  // where another was asked for meanwhile, it is planned next
  } else if (parallelism == wanted_parallelism_) {
    reason_ = made.error().message;
    wanted_parallelism_ = parallelism_;  // goes on as it was
  }
  state_ = state::waiting;
  next_attempt(now_us, out);
  return out;
}

job_control::actions job_control::on_time(timestamp_us now_us) {
  actions out;
  if (now_us >= deadline_us_) {
    if (state_ == state::adopting) {
      let_go(out);
      if (wish_ == wish::stop) begin_ending(state::stopped, now_us, out);
      else next_attempt(now_us, out);
    } else if (state_ == state::restarting) {
      next_attempt(now_us, out);
    } else if (state_ == state::deploying || state_ == state::launching) {
      fail_attempt(fail(error_code::unavailable, "the tasks were not ready in time"), now_us, out);
    } else if (state_ == state::ending) {
      maybe_ended(now_us, out);
    }
  }
  if (state_ == state::running) {
    perform(checkpoints_->on_time(now_us), now_us, out);
    if (state_ == state::running && now_us >= repeat_at_us_) send_epoch_orders(now_us, out);
  }
  return out;
}

timestamp_us job_control::next_wakeup_us() const {
  switch (state_) {
    case state::adopting:
    case state::restarting:
    case state::deploying:
    case state::launching: return deadline_us_;
    case state::ending: return storing_ || !records_.empty() || recovering_sinks_ ? never_due : deadline_us_;
    case state::running: {
      const bool repeats = checkpoints_->collecting() || committing_;
      return std::min(checkpoints_->next_wakeup_us(), repeats ? repeat_at_us_ : never_due);
    }
    default: return never_due;
  }
}

}  // namespace systole
