#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/attempt.h"
#include "actors/duration_histogram.h"
#include "base/result.h"
#include "data/batch.h"
#include "proto/plan.pb.h"

/// What a process can say of itself for monitoring, as plain numbers: taken when it is asked, turned into text in
/// control/. docs/metrics.md tells each one's meaning.
namespace systole {

/// One step of a job, over its subtasks in this process. Counts go on over attempts of the job in one process.
struct step_metrics {
  std::string step;
  uint64_t in = 0;
  uint64_t out = 0;
  uint64_t rejected = 0;  ///< rows, by whatever rules; late ones are not among them
  uint64_t late = 0;
  std::map<std::string, uint64_t> rejected_by_rule;  ///< a row that two rules reject counts with both
  std::map<std::string, uint64_t> flagged_by_rule;
  // Of the tasks that run the step: steps of one task share its thread and its figures.
  std::chrono::nanoseconds busy{0};
  std::chrono::nanoseconds busy_max{0};  ///< of the busiest subtask
  std::chrono::nanoseconds backpressured{0};
  std::chrono::nanoseconds backpressured_max{0};
  // Of this moment.
  std::optional<timestamp_us> watermark;  ///< the lowest of subtasks that had rows; none before and at the end
  uint64_t state_bytes = 0;
  uint64_t state_bytes_max = 0;
  bool has_channels = false;  ///< rows come to it from other tasks
  uint64_t queue_bytes = 0;
  uint64_t queue_bytes_max = 0;
  bool is_source = false;
  std::optional<uint64_t> lag_records;
  uint64_t lag_records_max = 0;
  bool is_sink = false;
  uint64_t committed = 0;
  uint64_t sink_errors = 0;  ///< of its tasks; those of its commits are in sink_commit_metrics
  duration_counts latency;
};

/// What a process that runs tasks of a job knows of it.
struct job_metrics {
  std::string job;
  std::vector<step_metrics> steps;  ///< in the plan's order
  duration_counts alignment;
};

struct sink_commit_metrics {
  std::string step;
  duration_counts duration;
  uint64_t errors = 0;
};

/// What the process that coordinates a job knows of it.
struct job_control_metrics {
  std::string job;
  std::string state;  ///< as job_control::state is called
  std::map<error_code, uint64_t> restarts;
  timestamp_us started_us = 0;  ///< the first attempt in this process
  int64_t checkpoint_interval_us = 0;
  uint64_t checkpoints_completed = 0;
  uint64_t checkpoints_failed = 0;
  duration_counts checkpoint_duration;
  timestamp_us last_checkpoint_us = 0;  ///< 0: none, in no process
  uint64_t last_checkpoint_bytes = 0;
  std::vector<sink_commit_metrics> sinks;
};

/// Fills in what the counters hold; the rest is the caller's.
void read_checkpoints(job_control_metrics& into, const proto::PhysicalPlan& plan, const checkpoint_counters& counters);

struct worker_metrics {
  uint32_t slots = 0;
  uint32_t slots_used = 0;
  uint64_t memory_bytes = 0;        ///< resident, of the process
  uint64_t memory_limit_bytes = 0;  ///< what its tasks' state and buffers may take
};

/// Resident memory of this process; 0 where the system does not tell.
uint64_t resident_memory_bytes();

}  // namespace systole
