// What users ask of a coordinator: coordinator_shell's answers.
#include <algorithm>
#include <charconv>
#include <utility>

#include "actors/background.h"
#include "actors/coordinator/coordinator_shell.h"
#include "actors/coordinator/submission.h"
#include "actors/coordinator/target_check.h"
#include "base/limits.h"

namespace systole {
namespace {

const char* name_of(job_control::state state) {
  switch (state) {
    case job_control::state::adopting: return "adopting";
    case job_control::state::waiting: return "waiting";
    case job_control::state::recording:
    case job_control::state::deploying:
    case job_control::state::launching:
    case job_control::state::replanning: return "deploying";
    case job_control::state::running: return "running";
    case job_control::state::restarting: return "restarting";
    case job_control::state::ending: return "ending";
    case job_control::state::finished: return "finished";
    case job_control::state::stopped: return "stopped";
    case job_control::state::cancelled: return "cancelled";
    case job_control::state::failed: return "failed";
  }
  return "unknown";
}

const char* name_of(attempt_phase phase) {
  switch (phase) {
    case attempt_phase::preparing: return "preparing";
    case attempt_phase::prepared: return "prepared";
    case attempt_phase::running: return "running";
    case attempt_phase::failed: return "failed";
    case attempt_phase::ending: return "ending";
  }
  return "unknown";
}

/// A table that does not take the rows, or lacks a column that is read, is an error of the submission, not of the first commit.
void check_targets_of(compiled_submission& made, const job_components& components, const std::string& secret_directory) {
  target_check checked = check_targets(*made.plan, components, secret_directory);
  for (std::string& each : checked.problems) made.outcome.problems.push_back(std::move(each));
  if (checked.refused) made.refused = fail(error_code::incompatible, "a table does not fit the job");
}

bool has_ended(job_control::state state) {
  return state == job_control::state::finished || state == job_control::state::stopped ||
         state == job_control::state::cancelled || state == job_control::state::failed;
}

}  // namespace

failure coordinator_shell::not_leading() const {
  return fail(error_code::unavailable, "this coordinator does not lead now: ask another one, or again in a moment");
}
failure coordinator_shell::unknown_job(const std::string& which) {
  return fail(error_code::not_found, "there is no job " + which);
}

const coordinator_shell::entry* coordinator_shell::find(const std::string& which, job_id* id) const {
  const entry* latest = nullptr;
  for (const auto& [each, it] : entries_) {
    const bool meant = job_id_text(each) == which || it.name == which;
    if (!meant || (latest && latest->submitted_at_us >= it.submitted_at_us)) continue;
    latest = &it;
    *id = each;
  }
  return latest;
}

job_summary coordinator_shell::summary_of(job_id id, const entry& of) const {
  job_summary made;
  made.id = id;
  made.name = of.name;
  made.submitted_at_us = of.submitted_at_us;
  if (!of.checkpoints.empty()) made.last_completed_at_us = of.checkpoints.back().completed_at_us;
  const auto found = control_->jobs().find(id);
  if (found == control_->jobs().end()) {
    made.state = of.broken ? "failed" : "opening";
    if (of.broken) made.reason = of.broken->message;
    return made;
  }
  const job_control& job = found->second;
  made.state = name_of(job.current());
  made.reason = job.wants_slots() && job.missing().needed > 0 ? job.missing().told() : job.reason();
  made.parallelism = 1;
  for (const placed_task& each : job.tasks().tasks) made.parallelism = std::max(made.parallelism, each.subtask + 1);
  made.attempt = job.stamp().attempt.value;
  made.restarts = job.failures();
  made.last_completed = job.last_completed();
  made.last_committed = job.last_committed();
  return made;
}

void coordinator_shell::jobs(const answer<std::vector<job_summary>>& then) const {
  if (!control_) return then(not_leading());
  std::vector<job_summary> made;
  for (const auto& [id, each] : entries_) made.push_back(summary_of(id, each));
  std::sort(made.begin(), made.end(),
            [](const auto& a, const auto& b) { return a.submitted_at_us < b.submitted_at_us; });
  then(std::move(made));
}

void coordinator_shell::job(const std::string& which, const answer<job_details>& then) const {
  if (!control_) return then(not_leading());
  job_id id;
  const entry* it = find(which, &id);
  if (!it) return then(unknown_job(which));
  job_details made;
  static_cast<job_summary&>(made) = summary_of(id, *it);
  made.plan = it->plan;
  made.checkpoints.assign(it->checkpoints.begin(), it->checkpoints.end());
  const auto found = control_->jobs().find(id);
  const auto whole = it->plan ? expand_plan(*it->plan) : result<deployment>(deployment{});
  if (found == control_->jobs().end() || !whole) return then(std::move(made));
  made.failures = failures_of(*it, found->second);
  for (const planned_task& planned : whole->tasks) {
    job_details::task task;
    task.index = planned.index;
    task.stage = planned.stage;
    task.subtask = planned.subtask;
    for (const uint32_t node : planned.nodes) task.steps.push_back(find_node(*it->plan, node)->step());
    task.steps.erase(std::unique(task.steps.begin(), task.steps.end()), task.steps.end());
    const auto* member = found->second.members().of_task(planned.index);
    if (member && !member->gone) {
      task.worker = member->name;
      if (member->seen) task.phase = name_of(member->seen->phase);
    }
    made.tasks.push_back(std::move(task));
  }
  then(std::move(made));
}

void coordinator_shell::submit(job_submission what, answer<submission_outcome> then) {
  if (!control_) return then(not_leading());
  for (const auto& [id, each] : entries_)
    if (!what.request.empty() && each.request == what.request) {
      submission_outcome known;
      known.job = id;
      known.name = each.name;
      return then(std::move(known));
    }
  if (entries_.size() + submitting_.size() >= limits::cluster_jobs)
    return then(fail(error_code::limit_exceeded, "the cluster has " + std::to_string(entries_.size()) +
                                                     " jobs, ended ones too: remove some with systole delete"));
  const job_id id(random_incarnation().high);
  const bool dry_run = what.dry_run;
  auto shared = std::make_shared<job_submission>(std::move(what));
  in_background<compiled_submission>(
      self_->system(), poster(),
      [shared, id, core = core_] {
        compiled_submission made = compile_submission(*shared, id, core->components.time->now_us());
        if (!made.refused) check_targets_of(made, core->components, core->options.secret_directory);
        return made;
      },
      [dry_run, shared, then = std::move(then)](coordinator_shell& shell, compiled_submission made) {
        if (!shell.control_) return then(shell.not_leading());
        made.outcome.refused = made.refused.has_value();
        if (made.refused) return then(std::move(made.outcome));
        shell.accept({std::move(made.definition), std::move(made.outcome), std::move(made.plan),
                      std::move(shared->from_savepoint), dry_run, then});
      });
}

void coordinator_shell::accept(submission what) {
  const std::string name = what.definition.name();
  job_id other;
  if (const entry* known = find(name, &other)) {
    const auto at = control_->jobs().find(other);
    const bool over = known->broken || (at != control_->jobs().end() && has_ended(at->second.current()));
    if (!over)
      return what.then(fail(error_code::already_exists,
                            "job " + name + " (" + job_id_text(other) +
                                ") is there already: stop or cancel it first, or give this one another name"));
    // A stopped job goes on with what is submitted under its name.
    const bool stopped = at != control_->jobs().end() && at->second.current() == job_control::state::stopped;
    if (what.from.empty() && stopped && at->second.last_completed().value > 0) what.from = job_id_text(other);
  }
  if (submitting_.contains(name))
    return what.then(fail(error_code::already_exists, "job " + name + " is being submitted"));
  if (!what.from.empty()) return accept_from(std::move(what));
  if (what.dry_run) return what.then(std::move(what.outcome));
  submitting_.insert(name);
  add(std::move(what));
}

/// Its name is among submitting_ from before to the end.
void coordinator_shell::add(submission what) {
  what.outcome.job = job_id(what.definition.id());
  auto shared = std::make_shared<submission>(std::move(what));
  in_background<result<void>>(
      self_->system(), poster(), [core = core_, shared] { return core->storage.add_job(shared->definition); },
      [shared](coordinator_shell& shell, result<void> added) {
        shell.submitting_.erase(shared->definition.name());
        if (!added) return shared->then(std::move(added).error());
        // Submitted, whatever comes: the next to lead finds it.
        if (!shell.control_) return shared->then(shell.not_leading());
        shell.open_job(shared->definition, [shared](std::optional<failure> cause) {
          if (cause) shared->then(std::move(*cause));
          else shared->then(shared->outcome);
        });
      });
}

void coordinator_shell::request(const std::string& which, job_request what, answer<epoch_id> then) {
  if (!control_) return then(not_leading());
  job_id id;
  const entry* it = find(which, &id);
  if (!it) return then(unknown_job(which));
  if (!control_->jobs().contains(id))
    return then(it->broken ? *it->broken : fail(error_code::unavailable, "job " + which + " is being opened"));
  if (what.id.empty()) what.id = job_id_text(job_id(random_incarnation().high));
  asked_[what.id].push_back(std::move(then));
  perform(control_->on_request(id, what, now_us()));
}

void coordinator_shell::remove(const std::string& which, answer<bool> then) {
  if (!control_) return then(not_leading());
  job_id id;
  const entry* it = find(which, &id);
  if (!it) return then(unknown_job(which));
  const auto at = control_->jobs().find(id);
  if (at != control_->jobs().end() && !has_ended(at->second.current()))
    return then(fail(error_code::invalid_argument, "job " + it->name + " has not ended: stop or cancel it first"));
  control_->remove_job(id);
  by_keeper<result<void>>(
      id, [core = core_, id](job_keeper&) { return core->storage.remove_job(id); },
      [id, then = std::move(then)](coordinator_shell& shell, result<void> removed) {
        const auto gone = shell.entries_.find(id);
        shell.self_->send(gone->second.thread, node_work{});
        shell.entries_.erase(gone);
        if (!removed) return then(std::move(removed).error());
        then(true);
      });
}

void coordinator_shell::remove_savepoint(const std::string& which, epoch_id epoch, answer<bool> then) {
  if (!control_) return then(not_leading());
  job_id id;
  if (!find(which, &id)) return then(unknown_job(which));
  by_keeper<result<void>>(
      id, [epoch](job_keeper& keeper) { return keeper.remove_savepoint(epoch); },
      [id, epoch, then = std::move(then)](coordinator_shell& shell, result<void> removed) {
        if (!removed) return then(std::move(removed).error());
        auto& kept = shell.entries_.at(id).checkpoints;
        for (checkpoint_summary& each : kept)
          if (each.epoch == epoch) each.savepoint = false;
        then(true);
      });
}

void coordinator_shell::workers(const answer<std::vector<worker_summary>>& then) const {
  if (!control_) return then(not_leading());
  std::vector<worker_summary> made;
  for (const auto& [incarnation, each] : control_->workers()) {
    worker_summary one;
    one.name = each.name;
    one.address = each.address;
    one.node = each.node;
    one.incarnation = identity_text(incarnation).substr(7);
    one.slots = each.slots;
    for (const auto& [id, job] : control_->jobs()) one.slots_used += job.slots_on(incarnation);
    one.leaving = each.leaving;
    made.push_back(std::move(one));
  }
  std::sort(made.begin(), made.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  then(std::move(made));
}

void coordinator_shell::cluster(answer<cluster_summary> then) const {
  cluster_summary made;
  made.leads = control_ != nullptr;
  made.term = leadership_.highest().value;
  if (control_) {
    made.leader = core_->options.api;
    made.jobs = static_cast<uint32_t>(entries_.size());
    made.workers = static_cast<uint32_t>(control_->workers().size());
    for (const auto& [incarnation, each] : control_->workers()) {
      made.slots += each.slots;
      for (const auto& [id, job] : control_->jobs()) made.slots_used += job.slots_on(incarnation);
    }
    return then(std::move(made));
  }
  // Who leads has written so into the cluster's log.
  in_background<std::string>(
      self_->system(), poster(),
      [core = core_]() -> std::string {
        const auto log = core->storage.open_cluster_log();
        const auto records = log ? (*log)->read_log() : result<std::vector<proto::LogRecord>>(log.error());
        std::string leader;
        if (records)
          for (const proto::LogRecord& each : *records)
            if (each.has_led()) leader = each.led().address();
        return leader;
      },
      [made, then = std::move(then)](coordinator_shell&, std::string leader) mutable {
        made.leader = std::move(leader);
        then(std::move(made));
      });
}

}  // namespace systole
