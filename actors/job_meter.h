#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "actors/job_metrics.h"
#include "actors/task_counters.h"
#include "base/clock.h"
#include "coordination/deployment.h"

namespace systole {

/// The counters of a job's tasks in one process, over its attempts: what an attempt has counted is kept when the next
/// one begins, so that counters do not go back, also at another parallelism or with another plan (steps are known by their
/// names). Thread-safe; the lock is between those who start attempts and those who read, tasks never take it.
class job_meter {
 public:
  job_meter(std::string job, const clock& time) : job_(std::move(job)), time_(time) {}

  /// An attempt begins: the counters of all the job's tasks by index, null for those of other processes. Its tasks are
  /// built (and restored) already. Keeps no reference to the plan and the deployment.
  void begin(const proto::PhysicalPlan& plan, const deployment& whole, std::vector<std::shared_ptr<task_counters>> tasks);
  /// The attempt has ended; what it counted stays.
  void end();
  job_metrics read() const;

 private:
  /// A node in a task of this process.
  struct placed_node {
    size_t step = 0;   ///< in steps_
    size_t task = 0;   ///< in tasks_
    size_t index = 0;  ///< in its counters
    bool is_entry = false;   ///< rows come from other steps
    bool is_exit = false;    ///< rows go to other steps
    bool flags = false;      ///< its rules flag
    bool is_source = false;
    bool is_sink = false;
    bool has_channels = false;
  };
  struct placed_task {
    std::shared_ptr<task_counters> counters;
    uint32_t subtask = 0;
    std::vector<size_t> steps;  ///< each once
  };
  struct subtask_time {
    std::chrono::nanoseconds busy{0}, held{0};
  };
  /// By step and subtask.
  using times = std::map<std::pair<std::string, uint32_t>, subtask_time>;

  job_metrics sum() const;
  times time_of_subtasks() const;
  static void add_counts(step_metrics& to, const step_metrics& more);

  const std::string job_;
  const clock& time_;
  mutable std::mutex mutex_;  ///< guards what follows
  std::vector<step_metrics> steps_;  ///< of the plan: names, roles, and all rules at 0
  std::vector<placed_task> tasks_;
  std::vector<placed_node> nodes_;
  std::map<std::string, step_metrics> kept_;  ///< counts of attempts that have ended
  times kept_times_;
  duration_counts kept_alignment_;
};

}  // namespace systole
