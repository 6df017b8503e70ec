#include "coordination/cluster_control.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace systole {

cluster_control::cluster_control(const settings& with, term_id term, timestamp_us now_us)
    : with_(with), term_(term), place_from_us_(now_us + with.gather_us), detector_(with.detector) {
  (void)detector_.on_time(now_us);
}

void cluster_control::take(job_id job, job_control::actions from, actions& out) {
  for (job_control::action& each : from) {
    if (auto* message = std::get_if<job_control::send>(&each)) {
      if (detector_.alive(message->to)) out.push_back(send{message->to, std::move(message->what)});
    } else {
      out.push_back(of_job{job, std::move(each)});
    }
  }
}

cluster_control::actions cluster_control::add_job(const job_control::settings& with, job_control::shape made,
                                                  const job_control::origin& from, timestamp_us now_us) {
  actions out;
  const auto [at, is_new] = jobs_.try_emplace(with.job, with, term_, std::move(made), from, now_us);
  if (!is_new) return out;
  take(with.job, at->second.open(now_us), out);
  place(now_us, out);
  return out;
}

cluster_control::actions cluster_control::on_message(const worker_message& what, timestamp_us now_us) {
  actions out;
  const auto to_job = [&](const auto& part, auto event) {
    const auto found = jobs_.find(part.job);
    if (found == jobs_.end() || !detector_.alive(part.incarnation)) return;
    take(part.job, event(found->second), out);
  };
  if (const auto* report = std::get_if<worker_report>(&what)) {
    on_report(*report, now_us, out);
  } else if (const auto* part = std::get_if<epoch_part>(&what)) {
    to_job(*part, [&](job_control& job) { return job.on_part(*part, now_us); });
  } else if (const auto* done = std::get_if<commit_part>(&what)) {
    to_job(*done, [&](job_control& job) { return job.on_commit_part(*done, now_us); });
  } else if (const auto* stale = std::get_if<stale_notice>(&what)) {
    if (stale->term > term_) out.push_back(step_down{stale->term});
  }
  place(now_us, out);
  return out;
}

void cluster_control::on_report(const worker_report& report, timestamp_us now_us, actions& out) {
  if (report.term > term_) {
    out.push_back(step_down{report.term});
    return;
  }
  const auto verdict = detector_.on_report(report.incarnation, now_us);
  const bool welcome = verdict != failure_detector::verdict::retired;
  const bool is_new = verdict == failure_detector::verdict::joined;
  if (!welcome || is_new || report.term < term_)
    out.push_back(send{report.incarnation, worker_greeting{term_, report.incarnation, welcome, with_.storage, with_.checkpoints}});
  if (!welcome) return;
  if (is_new) {
    // One worker per name: its state directory has one owner.
    std::vector<incarnation_id> before;
    for (const auto& [incarnation, each] : workers_)
      if (each.name == report.name && incarnation != report.incarnation) before.push_back(incarnation);
    for (const incarnation_id each : before)
      if (detector_.on_connection_lost(each)) give_up(each, now_us, out);
  }
  worker& it = workers_[report.incarnation];
  if (report.sequence <= it.sequence && !is_new) return;
  it.sequence = report.sequence;
  it.name = report.name;
  it.address = report.address;
  it.node = report.node;
  it.slots = report.slots;
  it.leaving = report.leaving;
  for (const attempt_report& each : report.attempts) {
    if (jobs_.contains(each.job) || each.phase == attempt_phase::ending || !jobs_known_) continue;
    // Of a job that is no more.
    attempt_order order;
    order.term = term_;
    order.to = report.incarnation;
    order.job = each.job;
    order.stamp = each.stamp;
    order.goal = attempt_goal::ended;
    out.push_back(send{report.incarnation, std::move(order)});
  }
  for (auto& [id, job] : jobs_) {
    const auto mine = std::find_if(report.attempts.begin(), report.attempts.end(),
                                   [id = id](const attempt_report& each) { return each.job == id; });
    take(id, job.on_report(report.incarnation, report.name, mine == report.attempts.end() ? nullptr : &*mine, now_us),
         out);
    if (report.leaving) take(id, job.on_worker_leaving(report.incarnation, now_us), out);
  }
}

cluster_control::actions cluster_control::on_connection_lost(incarnation_id which, timestamp_us now_us) {
  actions out;
  if (detector_.on_connection_lost(which)) give_up(which, now_us, out);
  place(now_us, out);
  return out;
}

void cluster_control::give_up(incarnation_id which, timestamp_us now_us, actions& out) {
  workers_.erase(which);
  for (auto& [id, job] : jobs_) take(id, job.on_worker_gone(which, now_us), out);
}

cluster_control::actions cluster_control::on_request(job_id job, const job_request& request, timestamp_us now_us) {
  return on_answer(job, now_us, [&](job_control& it) { return it.on_request(request, now_us); });
}

cluster_control::actions cluster_control::on_time(timestamp_us now_us) {
  actions out;
  for (const incarnation_id each : detector_.on_time(now_us)) give_up(each, now_us, out);
  for (auto& [id, job] : jobs_)
    if (now_us >= job.next_wakeup_us()) take(id, job.on_time(now_us), out);
  place(now_us, out);
  return out;
}

timestamp_us cluster_control::next_wakeup_us() const {
  timestamp_us next = detector_.next_wakeup_us();
  for (const auto& [id, job] : jobs_) next = std::min(next, job.next_wakeup_us());
  return next;
}

void cluster_control::place(timestamp_us now_us, actions& out) {
  if (now_us < place_from_us_) return;
  for (auto& [id, job] : jobs_) {
    if (!job.wants_slots()) continue;
    std::vector<placing_worker> free;
    std::vector<incarnation_id> incarnations;
    std::vector<std::string> addresses;
    for (const auto& [incarnation, each] : workers_) {
      if (each.leaving) continue;
      uint32_t used = 0;
      for (const auto& [other, at] : jobs_) used += at.slots_on(incarnation);
      free.push_back({each.name, each.node, each.slots, std::min(used, each.slots)});
      incarnations.push_back(incarnation);
      addresses.push_back(each.address);
    }
    const auto placed = place_tasks(job.tasks().tasks, free);
    if (const auto* missing = std::get_if<missing_slots>(&placed)) {
      job.on_missing(*missing);
      continue;
    }
    const placement& found = std::get<placement>(placed);
    std::vector<attempt_members::member> members;
    for (size_t i = 0; i < free.size(); ++i) {
      attempt_members::member made{incarnations[i],     free[i].name, addresses[i], {},
                                   found.slots_used[i], std::nullopt, false};
      for (uint32_t task = 0; task < found.worker_of_task.size(); ++task)
        if (found.worker_of_task[task] == i) made.tasks.push_back(task);
      if (!made.tasks.empty()) members.push_back(std::move(made));
    }
    take(id, job.on_placed(std::move(members), now_us), out);
  }
}

}  // namespace systole
