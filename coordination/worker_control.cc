#include "coordination/worker_control.h"

#include <algorithm>
#include <utility>

namespace systole {

worker_control::actions worker_control::on_message(const coordinator_message& what, timestamp_us now_us) {
  actions out;
  const auto hear = [&](const auto& message, auto handle) {
    if (!heed(message.term, out)) return;
    handle();
  };
  if (const auto* greeting = std::get_if<worker_greeting>(&what)) {
    hear(*greeting, [&] { on_greeting(*greeting, out); });
  } else if (const auto* order = std::get_if<attempt_order>(&what)) {
    hear(*order, [&] {
      if (order->to != with_.incarnation || retired_) return;
      const bool before = held_.contains(order->job);
      on_order(*order, out);
      if (before != held_.contains(order->job)) report(now_us, out);
    });
  } else if (const auto* epoch = std::get_if<epoch_order>(&what)) {
    hear(*epoch, [&] {
      if (epoch->to == with_.incarnation && !retired_) on_epoch(*epoch, out);
    });
  }
  return out;
}

bool worker_control::heed(term_id term, actions& out) {
  if (term < term_) {
    out.push_back(send{stale_notice{term_}});
    return false;
  }
  term_ = term;
  return true;
}

void worker_control::on_greeting(const worker_greeting& greeting, actions& out) {
  if (greeting.welcome || greeting.incarnation != with_.incarnation || retired_) return;
  // Given up: others do this work by now.
  retired_ = true;
  for (auto& [job, held] : held_) begin_end(held, out);
  if (held_.empty() && !std::exchange(renewing_, true)) out.push_back(renew{});
}

void worker_control::on_order(const attempt_order& order, actions& out) {
  const auto fenced = fences_.find(order.job);
  if (fenced != fences_.end() && order.stamp <= fenced->second) return;
  const auto found = held_.find(order.job);
  if (found == held_.end()) {
    if (order.goal == attempt_goal::ended) return fence(order.job, order.stamp);
    if (order.goal == attempt_goal::prepared) return begin(order, out);
    // It was prepared by nobody: not by this incarnation.
    tasks_held& held = held_[order.job];
    held.told.job = order.job;
    held.told.stamp = order.stamp;
    held.told.tasks = order.tasks;
    held.told.phase = attempt_phase::failed;
    held.told.cause = fail(error_code::internal, "worker " + with_.name + " was to run tasks that it has not prepared");
    return;
  }
  tasks_held& held = found->second;
  if (order.stamp < held.told.stamp) return;
  if (order.stamp > held.told.stamp) {
    if (held.next && order.stamp < held.next->stamp) return;
    if (order.goal == attempt_goal::ended) fence(order.job, order.stamp);
    if (order.goal == attempt_goal::prepared) held.next = order;
    else held.next.reset();
    return begin_end(held, out);
  }
  if (order.goal == attempt_goal::ended) return begin_end(held, out);
  if (held.told.phase == attempt_phase::ending || held.told.phase == attempt_phase::failed) return;
  if (order.goal == attempt_goal::running && held.told.phase == attempt_phase::prepared) {
    held.told.phase = attempt_phase::running;
    out.push_back(run{order.job, order.stamp});
  }
  adjust(held, order, out);
}

/// What an order says beside its goal.
void worker_control::adjust(tasks_held& held, const attempt_order& order, actions& out) {
  attempt_report& told = held.told;
  if (told.phase != attempt_phase::running) return;
  if (order.drain && !told.drained) {
    told.drained = true;
    out.push_back(drain{told.job});
  }
  if (order.pause != told.paused) {
    told.paused = order.pause;
    out.push_back(pause{told.job, order.pause});
  }
  if (order.all_paused != std::exchange(held.all_paused, order.all_paused) && order.all_paused)
    out.push_back(sources_paused{told.job});
  if (order.inputs_ended && !std::exchange(held.all_inputs_ended, true)) out.push_back(inputs_ended{told.job});
  if (order.closed > told.closed || order.committed > told.committed) {
    told.closed = std::max(told.closed, order.closed);
    told.committed = std::max(told.committed, order.committed);
    if (held.open <= told.closed) held.parts.clear();
    out.push_back(close{told.job, told.closed, told.committed});
  }
}

void worker_control::begin(const attempt_order& order, actions& out) {
  tasks_held& held = held_[order.job];
  held = {};
  held.told.job = order.job;
  held.told.stamp = order.stamp;
  held.told.tasks = order.tasks;
  out.push_back(prepare{order});
}

void worker_control::begin_end(tasks_held& held, actions& out) {
  if (held.told.phase == attempt_phase::ending) return;
  held.told.phase = attempt_phase::ending;
  held.parts.clear();
  out.push_back(end{held.told.job, held.told.stamp});
}

void worker_control::open_epoch(tasks_held& held, epoch_id epoch) {
  if (epoch <= held.open) return;
  held.open = epoch;
  held.triggered = false;
  held.parts.clear();
}

void worker_control::on_epoch(const epoch_order& order, actions& out) {
  tasks_held* held = find(order.job, order.stamp);
  if (!held || held->told.phase != attempt_phase::running) return;
  const epoch_id epoch = order.cut.epoch;
  if (order.what == epoch_order::kind::trigger) {
    if (epoch <= held->told.closed || epoch < held->open) return;
    open_epoch(*held, epoch);
    if (!std::exchange(held->triggered, true)) {
      held->told.wants_epoch = false;
      held->told.stopping = held->told.stopping || order.cut.kind == barrier_kind::stop;
      out.push_back(trigger{order.job, order.cut});
    }
    for (const auto& [task, facts] : held->parts)
      out.push_back(send{epoch_part{with_.incarnation, order.job, order.stamp, epoch, task, facts}});
    return;
  }
  if (epoch < held->committing) return;
  if (epoch > held->committing) {
    held->committing = epoch;
    held->commit_parts.clear();
    out.push_back(commit{order.job, order.cut, order.previous});
    return;
  }
  for (const uint32_t task : held->commit_parts)
    out.push_back(send{commit_part{with_.incarnation, order.job, order.stamp, epoch, task}});
}

worker_control::tasks_held* worker_control::find(job_id job, attempt_stamp stamp) {
  const auto found = held_.find(job);
  return found == held_.end() || found->second.told.stamp != stamp ? nullptr : &found->second;
}

worker_control::actions worker_control::on_prepared(job_id job, attempt_stamp stamp, timestamp_us now_us) {
  actions out;
  tasks_held* held = find(job, stamp);
  if (!held || held->told.phase != attempt_phase::preparing) return out;
  held->told.phase = attempt_phase::prepared;
  report(now_us, out);
  return out;
}

worker_control::actions worker_control::on_ended(job_id job, attempt_stamp stamp, timestamp_us now_us) {
  actions out;
  tasks_held* held = find(job, stamp);
  if (!held || held->told.phase != attempt_phase::ending) return out;
  const std::optional<attempt_order> next = std::move(held->next);
  held_.erase(job);
  fence(job, stamp);
  if (next && !retired_) begin(*next, out);
  if (retired_) {
    if (held_.empty() && !std::exchange(renewing_, true)) out.push_back(renew{});
    return out;
  }
  report(now_us, out);
  if (leaving_ && held_.empty()) out.push_back(may_leave{});
  return out;
}

worker_control::actions worker_control::on_failed(job_id job, attempt_stamp stamp, failure cause, timestamp_us now_us) {
  actions out;
  tasks_held* held = find(job, stamp);
  if (!held || held->told.phase == attempt_phase::failed || held->told.phase == attempt_phase::ending) return out;
  held->told.phase = attempt_phase::failed;
  held->told.cause = std::move(cause);
  held->parts.clear();
  report(now_us, out);
  return out;
}

worker_control::actions worker_control::on_finished(job_id job, attempt_stamp stamp, uint32_t task,
                                                    timestamp_us now_us) {
  actions out;
  tasks_held* held = find(job, stamp);
  if (!held || std::count(held->told.finished.begin(), held->told.finished.end(), task) > 0) return out;
  held->told.finished.push_back(task);
  report(now_us, out);
  return out;
}

worker_control::actions worker_control::on_part(job_id job, attempt_stamp stamp, epoch_id epoch, uint32_t task,
                                                std::shared_ptr<const proto::TaskSnapshot> facts) {
  actions out;
  tasks_held* held = find(job, stamp);
  if (!held || held->told.phase != attempt_phase::running || epoch < held->open || epoch <= held->told.closed)
    return out;
  open_epoch(*held, epoch);
  held->parts[task] = facts;
  out.push_back(send{epoch_part{with_.incarnation, job, stamp, epoch, task, std::move(facts)}});
  return out;
}

worker_control::actions worker_control::on_committed(job_id job, attempt_stamp stamp, epoch_id epoch, uint32_t task) {
  actions out;
  tasks_held* held = find(job, stamp);
  if (!held || epoch != held->committing) return out;
  if (std::count(held->commit_parts.begin(), held->commit_parts.end(), task) == 0) held->commit_parts.push_back(task);
  out.push_back(send{commit_part{with_.incarnation, job, stamp, epoch, task}});
  return out;
}

worker_control::actions worker_control::on_outboxes(job_id job, attempt_stamp stamp, bool wants_epoch, bool pressed,
                                                    timestamp_us now_us) {
  actions out;
  tasks_held* held = find(job, stamp);
  if (!held) return out;
  const bool changed = held->told.wants_epoch != wants_epoch || held->told.pressed != pressed;
  held->told.wants_epoch = wants_epoch;
  held->told.pressed = pressed;
  if (changed) report(now_us, out);
  return out;
}

worker_control::actions worker_control::on_inputs_ended(job_id job, attempt_stamp stamp, timestamp_us now_us) {
  actions out;
  tasks_held* held = find(job, stamp);
  if (!held || std::exchange(held->told.inputs_ended, true)) return out;
  report(now_us, out);
  return out;
}

worker_control::actions worker_control::on_renewed(incarnation_id incarnation, timestamp_us now_us) {
  actions out;
  with_.incarnation = incarnation;
  retired_ = renewing_ = false;
  report(now_us, out);
  if (leaving_ && held_.empty()) out.push_back(may_leave{});
  return out;
}

worker_control::actions worker_control::on_leave(timestamp_us now_us) {
  actions out;
  leaving_ = true;
  report(now_us, out);
  if (held_.empty()) out.push_back(may_leave{});
  return out;
}

worker_control::actions worker_control::on_time(timestamp_us now_us) {
  actions out;
  if (now_us >= next_report_us_) report(now_us, out);
  return out;
}

std::optional<attempt_stamp> worker_control::current(job_id job) const {
  const auto found = held_.find(job);
  if (found == held_.end() || found->second.told.phase == attempt_phase::ending) return std::nullopt;
  return found->second.told.stamp;
}

void worker_control::report(timestamp_us now_us, actions& out) {
  next_report_us_ = now_us + with_.report_interval_us;
  if (retired_) return;
  worker_report made{with_.incarnation, with_.name, with_.address, with_.node, with_.slots,
                     ++reports_,        leaving_,   term_,         {}};
  for (const auto& [job, held] : held_) made.attempts.push_back(held.told);
  out.push_back(send{std::move(made)});
}

void worker_control::fence(job_id job, attempt_stamp stamp) {
  attempt_stamp& at = fences_[job];
  at = std::max(at, stamp);
  if (fences_.size() > kept_fences) fences_.erase(fences_.begin());  // the oldest submission
}

}  // namespace systole
