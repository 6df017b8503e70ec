#include "control/job_json.h"

#include <cstdio>

#include "actors/cluster_storage.h"
#include "base/error_codes.h"
#include "control/api_values.h"

namespace systole {
namespace {

/// Null for 0, which is "not yet".
void write_time(json_text& to, timestamp_us at) {
  if (at == 0) to.raw("null");
  else write_moment(to, at);
}

void write_seconds(json_text& to, int64_t micros) {
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%06lld", static_cast<long long>(micros / 1'000'000),
                static_cast<long long>(micros % 1'000'000));
  to.raw(text);
}

void write_job_members(json_text& to, const job_summary& job) {
  to.key("id").text(job_id_text(job.id));
  to.key("name").text(job.name);
  to.key("state").text(job.state);
  to.key("reason").text(job.reason);
  to.key("parallelism").number(job.parallelism);
  write_count(to.key("attempt"), job.attempt);
  write_count(to.key("restarts"), job.restarts);
  write_count(to.key("lastCompletedEpoch"), job.last_completed.value);
  write_count(to.key("lastCommittedEpoch"), job.last_committed.value);
  write_time(to.key("submittedAt"), job.submitted_at_us);
  write_time(to.key("lastCompletedAt"), job.last_completed_at_us);
}

}  // namespace

void write_job(json_text& to, const job_summary& job) {
  to.open_object();
  write_job_members(to, job);
  to.close_object();
}

void write_details(json_text& to, const job_details& job) {
  to.open_object();
  write_job_members(to, job);
  to.key("tasks").open_array();
  for (const job_details::task& task : job.tasks) {
    to.open_object();
    to.key("index").number(task.index);
    to.key("stage").number(task.stage);
    to.key("subtask").number(task.subtask);
    to.key("steps").open_array();
    for (const std::string& step : task.steps) to.text(step);
    to.close_array();
    to.key("worker").text(task.worker);
    to.key("phase").text(task.phase);
    to.close_object();
  }
  to.close_array();
  to.key("exceptions").open_array();
  for (const attempt_failure& each : job.failures) write_failure(to, each);
  to.close_array();
  to.key("checkpoints").open_array();
  for (const checkpoint_summary& each : job.checkpoints) write_checkpoint(to, each);
  to.close_array();
  to.close_object();
}

void write_checkpoint(json_text& to, const checkpoint_summary& checkpoint) {
  to.open_object();
  write_count(to.key("epoch"), checkpoint.epoch.value);
  to.key("savepoint").boolean(checkpoint.savepoint);
  write_time(to.key("completedAt"), checkpoint.completed_at_us);
  to.key("durationSeconds");
  if (checkpoint.duration_us == 0) to.raw("null");
  else write_seconds(to, checkpoint.duration_us);
  write_count(to.key("bytes"), checkpoint.bytes);
  to.key("stepBytes").open_object();
  for (const auto& [step, bytes] : checkpoint.step_bytes) write_count(to.key(step), bytes);
  to.close_object();
  to.close_object();
}

void write_failure(json_text& to, const attempt_failure& failed) {
  to.open_object();
  to.key("attempt").number(failed.attempt);
  write_time(to.key("at"), failed.at_us);
  write_count(to.key("restoredFromEpoch"), failed.restored_from.value);
  to.key("code").text(error_code_name(failed.cause.code));
  to.key("message").text(failed.cause.message);
  to.key("sqlstate").text(failed.cause.sqlstate);
  to.close_object();
}

void write_worker(json_text& to, const worker_summary& worker) {
  to.open_object();
  to.key("name").text(worker.name);
  to.key("address").text(worker.address);
  to.key("node").text(worker.node);
  to.key("incarnation").text(worker.incarnation);
  to.key("slots").number(worker.slots);
  to.key("slotsUsed").number(worker.slots_used);
  to.key("leaving").boolean(worker.leaving);
  to.close_object();
}

void write_cluster(json_text& to, const cluster_summary& cluster) {
  to.open_object();
  to.key("leads").boolean(cluster.leads);
  write_count(to.key("term"), cluster.term);
  to.key("leader").text(cluster.leader);
  to.key("workers").number(cluster.workers);
  to.key("slots").number(cluster.slots);
  to.key("slotsUsed").number(cluster.slots_used);
  to.key("jobs").number(cluster.jobs);
  to.close_object();
}

}  // namespace systole
