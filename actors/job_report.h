#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "actors/attempt.h"
#include "actors/task_counters.h"
#include "base/clock.h"
#include "coordination/deployment.h"
#include "operators/accounting.h"
#include "proto/checkpoint.pb.h"
#include "proto/plan.pb.h"

namespace systole {

/// A source or sink of a running job. Counts go on across restarts; a source's `in` are its records, a sink's its rows.
struct step_progress {
  std::string step;
  uint64_t in = 0;
  uint64_t bytes = 0;  ///< sources, since this attempt began
  uint64_t rejected = 0;
  double per_second = 0;  ///< over the last interval
  timestamp_us watermark = watermark_none;
};

/// A running job, for displays.
struct job_progress {
  uint32_t attempt = 1;
  std::chrono::microseconds elapsed{0};
  std::vector<step_progress> sources;
  std::vector<step_progress> sinks;
  uint64_t rejected = 0;                    ///< of all steps, late rows included
  timestamp_us watermark = watermark_none;  ///< the lowest of the sinks'
  int64_t event_time_lag_us = 0;            ///< the clock minus that; 0 where there is none
  uint64_t last_epoch = 0;
  uint64_t checkpoints = 0;  ///< in this process
  int64_t checkpoint_duration_us = 0;
  int64_t checkpoint_age_us = -1;  ///< since the last one completed; -1: none in this process
  uint64_t state_bytes = 0;        ///< in memory
  uint64_t queued_bytes = 0;       ///< in channels, received and not processed
};

/// Where a step's rows went, over all its tasks: up to the last complete epoch.
struct step_report {
  std::string step;
  std::string role;
  std::string kind;  ///< filter, window, sink, ...
  step_accounting counts;
};

/// The accounting of a checkpoint, in the plan's order.
result<std::vector<step_report>> report_steps(const proto::PhysicalPlan& plan,
                                              const proto::CheckpointMetadata& metadata);

/// Sums the tasks' figures up; remembers the last call's for rates.
class progress_meter {
 public:
  progress_meter(const proto::PhysicalPlan& plan, const clock& time)
      : plan_(plan), time_(time), started_(time.monotonic()), last_(started_) {}
  job_progress read(const deployment& whole, const std::vector<std::shared_ptr<task_counters>>& tasks,
                    const checkpoint_counters& checkpoints, uint32_t attempt);

 private:
  const proto::PhysicalPlan& plan_;
  const clock& time_;
  std::chrono::nanoseconds started_, last_;
  std::vector<uint64_t> last_in_;  ///< by the plan's node
};

}  // namespace systole
