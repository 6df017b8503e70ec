#include "actors/coordinator/coordinator_diary.h"

#include "base/log.h"

namespace systole {
namespace {

/// Not a state of a moment on the way to another one.
bool lasts(const std::string& state) {
  return state == "waiting" || state == "running" || state == "finished" || state == "stopped" || state == "cancelled" ||
         state == "failed";
}

}  // namespace

void coordinator_diary::on_workers(const std::map<incarnation_id, cluster_control::worker>& all) {
  for (const auto& [incarnation, each] : workers_)
    if (!all.contains(incarnation))
      log_line(each.leaving ? log_level::info : log_level::warning, "coordinator",
               "worker " + each.name + " at " + each.address + (each.leaving ? " has left" : " is gone"));
  for (const auto& [incarnation, each] : all)
    if (!workers_.contains(incarnation))
      log_line(log_level::info, "coordinator",
               "worker " + each.name + " at " + each.address + " has come, with " + std::to_string(each.slots) + " slots");
  workers_ = all;
}

void coordinator_diary::on_job(const job_summary& job, const std::vector<attempt_failure>& causes) {
  told_job& told = jobs_[job.id];
  for (const attempt_failure& each : causes) {
    if (each.at_us <= told.failed_at_us) continue;
    told.failed_at_us = each.at_us;
    log_line(log_level::warning, "coordinator",
             "job " + job.name + ": attempt " + std::to_string(each.attempt) + " failed: " + each.cause.message);
  }
  if (!lasts(job.state)) return;
  const std::string reason = job.state == "waiting" || job.state == "failed" ? job.reason : std::string();
  const uint64_t attempt = job.state == "running" ? job.attempt : told.attempt;
  if (told.state == job.state && told.reason == reason && told.attempt == attempt) return;
  told.attempt = attempt;
  told.state = job.state;
  told.reason = reason;
  std::string text = "job " + job.name + ": " + job.state;
  if (job.state == "running")
    text += ", attempt " + std::to_string(job.attempt) +
            (job.last_completed.value > 0 ? ", last checkpoint " + std::to_string(job.last_completed.value) : "");
  if (!reason.empty()) text += ": " + reason;
  log_line(job.state == "waiting" || job.state == "failed" ? log_level::warning : log_level::info, "coordinator", text);
}

}  // namespace systole
