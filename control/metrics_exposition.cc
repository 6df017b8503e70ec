#include "control/metrics_exposition.h"

#include <prometheus/text_serializer.h>

#include "base/error_codes.h"
#include "control/metric_families.h"

namespace systole {
namespace {

using labels = metric_families::labels;

void add_job(metric_families& to, const job_control_metrics& job) {
  const labels of_job{{"job_name", job.job}};
  const auto with = [&of_job](const char* name, std::string value) {
    labels made = of_job;
    made.emplace_back(name, std::move(value));
    return made;
  };
  for (const std::string& state : job_states)
    to.gauge({"systole_job_state", "1 for the state that the job is in, 0 for all others."}, with("state", state),
             state == job.state ? 1 : 0);
  for (const auto& [code, count] : job.restarts)
    to.counter({"systole_job_restarts_total", "Attempts that failed and were followed by another, by the kind of failure."},
               with("reason", error_code_name(code)), static_cast<double>(count));
  to.gauge({"systole_job_started_timestamp_seconds", "When this process began with the job."}, of_job,
           seconds(job.started_us));
  to.gauge({"systole_checkpoint_interval_seconds", "The interval that the job asks for."}, of_job,
           seconds(job.checkpoint_interval_us));
  const metric_families::metric checkpoints{"systole_checkpoints_total", "Epochs, by how they ended."};
  to.counter(checkpoints, with("status", "completed"), static_cast<double>(job.checkpoints_completed));
  to.counter(checkpoints, with("status", "failed"), static_cast<double>(job.checkpoints_failed));
  to.histogram({"systole_checkpoint_duration_seconds", "From an epoch's trigger to its record in the log."}, of_job,
               job.checkpoint_duration);
  if (job.last_checkpoint_us != 0)
    to.gauge({"systole_checkpoint_last_success_timestamp_seconds", "When the last epoch was complete."}, of_job,
             seconds(job.last_checkpoint_us));
  to.gauge({"systole_checkpoint_last_size_bytes", "All files of the last epoch, those that older ones share too."}, of_job,
           static_cast<double>(job.last_checkpoint_bytes));
  for (const sink_commit_metrics& sink : job.sinks) {
    to.histogram({"systole_sink_commit_duration_seconds", "From a complete epoch to its being published by the sink."},
                 with("step", sink.step), sink.duration);
    to.counter({"systole_sink_errors_total", "Writes and commits of the sink that failed."}, with("step", sink.step),
               static_cast<double>(sink.errors));
  }
}

void add_rows(metric_families& to, const labels& of, const step_metrics& step) {
  to.counter({"systole_step_records_in_total", "Rows that came to the step; of a source its records."}, of,
             static_cast<double>(step.in));
  to.counter({"systole_step_records_out_total", "Rows that the step gave."}, of, static_cast<double>(step.out));
  to.counter({"systole_step_rejected_rows_total", "Rows that went to the dead letter, late ones left out."}, of,
             static_cast<double>(step.rejected));
  to.counter({"systole_step_records_late_total", "Rows that came after their window was closed."}, of,
             static_cast<double>(step.late));
  const auto by_rule = [&](const metric_families::metric& what, const std::map<std::string, uint64_t>& counts) {
    for (const auto& [rule, count] : counts) {
      labels with = of;
      with.emplace_back("rule", rule);
      to.counter(what, with, static_cast<double>(count));
    }
  };
  by_rule({"systole_step_records_rejected_total", "Rejections by rule; a row that two rules reject counts twice."},
          step.rejected_by_rule);
  by_rule({"systole_step_records_flagged_total", "Flags by rule of steps that flag rows."}, step.flagged_by_rule);
}

void add_load(metric_families& to, const labels& of, const step_metrics& step) {
  to.counter({"systole_step_busy_seconds_total", "Time at work of the step's tasks; steps of one task share it."}, of,
             seconds(step.busy));
  to.counter({"systole_step_busy_seconds_max_total", "The same of the busiest subtask."}, of, seconds(step.busy_max));
  to.counter({"systole_step_backpressured_seconds_total",
              "Time in which the step's tasks had something to do and no room downstream."},
             of, seconds(step.backpressured));
  to.counter({"systole_step_backpressured_seconds_max_total", "The same of the subtask that was held most."}, of,
             seconds(step.backpressured_max));
  if (step.watermark)
    to.gauge({"systole_step_watermark_timestamp_seconds", "The lowest watermark of the step's subtasks."}, of,
             seconds(*step.watermark));
  to.gauge({"systole_step_state_bytes", "The step's keyed state in memory."}, of, static_cast<double>(step.state_bytes));
  to.gauge({"systole_step_state_bytes_max", "The same of the largest subtask."}, of,
           static_cast<double>(step.state_bytes_max));
  if (!step.has_channels) return;
  to.gauge({"systole_edge_queue_bytes", "Bytes that came to the step from other tasks and wait."}, of,
           static_cast<double>(step.queue_bytes));
  to.gauge({"systole_edge_queue_bytes_max", "The same of the fullest subtask."}, of,
           static_cast<double>(step.queue_bytes_max));
}

void add_ends(metric_families& to, const labels& of, const step_metrics& step, timestamp_us now_us) {
  if (step.is_source && step.lag_records) {
    to.gauge({"systole_source_lag_records", "Records that are there and not read yet."}, of,
             static_cast<double>(*step.lag_records));
    to.gauge({"systole_source_lag_records_max", "The same of the subtask that is behind most."}, of,
             static_cast<double>(step.lag_records_max));
  }
  if (step.is_source && step.watermark)
    to.gauge({"systole_source_event_time_lag_seconds", "The clock minus the source's watermark."}, of,
             seconds(now_us - *step.watermark));
  if (!step.is_sink) return;
  to.counter({"systole_sink_records_committed_total", "Rows of epochs that were published."}, of,
             static_cast<double>(step.committed));
  to.counter({"systole_sink_errors_total", "Writes and commits of the sink that failed."}, of,
             static_cast<double>(step.sink_errors));
  to.histogram({"systole_end_to_end_latency_seconds",
                "From a row's reading to its being visible; of a sink that publishes by epochs a sample of each."},
               of, step.latency);
}

void add_worker(metric_families& to, const worker_metrics& worker) {
  to.gauge({"systole_worker_slots", "Tasks of one stage that the worker can run side by side."}, {}, worker.slots);
  to.gauge({"systole_worker_slots_used", "Slots that jobs take."}, {}, worker.slots_used);
  to.gauge({"systole_worker_memory_bytes", "Resident memory of the process."}, {},
           static_cast<double>(worker.memory_bytes));
  to.gauge({"systole_worker_memory_limit_bytes", "What state and buffers may take."}, {},
           static_cast<double>(worker.memory_limit_bytes));
}

void add_results(metric_families& to, const shown_gauges& shown) {
  const labels of_step{{"job_name", shown.job}, {"step", shown.step}};
  to.gauge({"systole_result_full", "1 where a metrics sink has more keys than its maxSeries."}, of_step, shown.full ? 1 : 0);
  for (size_t v = 0; v < shown.values.size(); ++v) {
    const std::string name = "systole_result_" + shown.values[v];
    for (const shown_gauges::row& row : shown.rows) {
      if (!row.values[v]) continue;
      labels of = of_step;
      for (size_t l = 0; l < shown.labels.size(); ++l) of.emplace_back(shown.labels[l], row.labels[l]);
      to.gauge({name, "A column of a job's results; see the step."}, of, *row.values[v]);
    }
  }
}

}  // namespace

const std::vector<std::string> job_states = {"adopting",   "waiting",    "recording", "deploying", "launching",
                                             "running",    "restarting", "replanning", "ending",   "finished",
                                             "stopped",    "cancelled",  "failed"};

std::string prometheus_text(const process_metrics& from, timestamp_us now_us) {
  metric_families families;
  families.gauge({"systole_build_info", "1; the version is a label."}, {{"version", from.version}}, 1);
  for (const job_control_metrics& each : from.jobs) add_job(families, each);
  for (const job_metrics& job : from.tasks) {
    families.histogram({"systole_checkpoint_alignment_seconds", "From an epoch's first barrier at a task to its last."},
                       {{"job_name", job.job}}, job.alignment);
    for (const step_metrics& step : job.steps) {
      const labels of{{"job_name", job.job}, {"step", step.step}};
      add_rows(families, of, step);
      add_load(families, of, step);
      add_ends(families, of, step, now_us);
    }
  }
  if (from.worker) add_worker(families, *from.worker);
  for (const auto& each : from.results) add_results(families, *each);
  return prometheus::TextSerializer().Serialize(families.take());
}

}  // namespace systole
