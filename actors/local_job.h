#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/components.h"
#include "actors/job_metrics.h"
#include "actors/job_report.h"
#include "base/limits.h"
#include "base/result.h"
#include "coordination/restart_policy.h"
#include "proto/plan.pb.h"

namespace systole {

/// Something that a user wants to know of while a job runs.
struct job_event {
  enum class kind { started, resumed, checkpointed, failed, restarting, stopping, rewound } what = kind::started;
  std::string message;
};

struct local_job_options {
  std::string state_directory;  ///< made if absent; one process at a time
  size_t memory_bytes = limits::memory_default_bytes;
  size_t outbox_bytes = limits::outbox_bytes;  ///< on disk, for each sink shard
  bool in_memory = false;                      ///< keyed state without RocksDB
  size_t batch_rows = limits::batch_rows;
  std::optional<std::chrono::microseconds> checkpoint_interval;  ///< instead of the plan's
  std::optional<bool> restarts;                                  ///< instead of the plan's strategy: none where false
  std::optional<uint64_t> rewind_to;                             ///< --rewind: go back to this epoch; 0 = to the start
  bool allow_drop_state = false;  ///< go on although saved state of a step is not in the plan any more
  bool console_is_terminal = false;
  std::string secret_directory;  ///< where connections' secrets are: DIR/name/key
  std::chrono::milliseconds progress_interval{200};
  std::chrono::milliseconds shutdown_deadline{10'000};
  std::function<void(const job_progress&)> on_progress;  ///< on run()'s thread
  std::function<void(const job_event&)> on_event;        ///< on run()'s thread
  std::string crash_at;                                  ///< tests only: see crash_points
};

struct job_outcome {
  enum class kind {
    finished,  ///< all input was read and everything is published
    stopped,   ///< a savepoint was taken: the same command goes on from there
    failed,
  };
  kind how = kind::failed;
  bool nothing_to_do = false;  ///< it had finished before
  bool drained = false;
  std::optional<failure> cause;           ///< failed: the last attempt's root cause
  std::string advice;                     ///< failed: why there is no further attempt
  std::vector<attempt_failure> attempts;  ///< all failed attempts (the last 20)
  epoch_id last_epoch;                    ///< the last complete one; 0: none
  uint64_t checkpoints = 0;               ///< completed in this process
  std::vector<step_report> steps;         ///< up to the last complete epoch
  std::chrono::microseconds took{0};
};

/// Runs one job in this process, with restarts, until it has finished, is stopped, or cannot go on. The library's entry
/// point.
class local_job {
 public:
  local_job(proto::PhysicalPlan plan, local_job_options options, job_components components);
  ~local_job();
  local_job(const local_job&) = delete;
  local_job& operator=(const local_job&) = delete;

  /// Blocks the calling thread. Call once.
  job_outcome run();
  /// Any thread, at any time; not from a signal handler. Takes a savepoint without moving watermarks and ends; with
  /// `drain` the input ends instead and all windows fire.
  void request_stop(bool drain = false);

  /// For monitoring; any thread, from construction to destruction, also while run() waits for a next attempt.
  job_metrics metrics() const;
  job_control_metrics control_metrics() const;

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

/// local_job(plan, options, default_components()).run().
job_outcome run_local_job(const proto::PhysicalPlan& plan, const local_job_options& options);

}  // namespace systole
