#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/attempt_world.h"
#include "actors/cluster_storage.h"
#include "actors/worker/attempt_host.h"
#include "actors/worker/tap_board.h"
#include "coordination/control_messages.h"

namespace systole {

/// What a worker makes an attempt's tasks from.
struct attempt_recipe {
  attempt_order order;             ///< its goal is `prepared`
  std::string storage;             ///< the cluster's: see cluster_storage
  std::string checkpoints;
  std::string directory;           ///< this worker's own, for working state
  std::string secret_directory;
  size_t memory_bytes = 0;         ///< the worker's; a job gets its slots' part of it
  uint32_t slots = 1;              ///< the worker's
  std::string crash_at;            ///< tests only: see crash_points
  std::shared_ptr<tap_board> taps; ///< null: nobody may look at rows
};

/// A worker's tasks of one attempt, and what they point into. Outlives the tasks.
class worker_attempt {
 public:
  /// Reads plan and checkpoint from the shared storage, opens connectors, builds and restores the order's tasks. Blocks.
  /// No sink has touched anything yet but what is its own.
  static result<std::shared_ptr<worker_attempt>> build(const attempt_recipe& recipe, const job_components& components);

  const proto::PhysicalPlan& plan() const { return plan_; }
  const deployment& whole() const { return whole_; }
  std::vector<host_parts::hosted_task> take_tasks() { return std::move(tasks_); }
  const crash_points& crash() const { return crash_; }
  /// Figures by task index; null for tasks elsewhere.
  const std::vector<std::shared_ptr<task_counters>>& counters() const { return counters_; }
  /// Slots that the tasks take.
  uint32_t slots() const { return slots_; }
  void on_committed(epoch_id epoch) { world_->on_committed(epoch); }
  /// Of the sources with maxDrift, by step.
  const std::map<std::string, std::shared_ptr<split_alignment>>& alignments() const { return world_->alignments(); }
  /// Connectors that wait for others give up.
  void give_up() { ended_->store(true); }

 private:
  worker_attempt(const attempt_recipe& recipe, const job_components& components)
      : components_(components), storage_(recipe.storage, recipe.checkpoints, components_), crash_(recipe.crash_at) {}
  result<void> open(const attempt_recipe& recipe);
  void expect_progress(const attempt_order& order) const;
  /// What the job's log says; true as long as no later attempt was recorded there.
  bool is_current(attempt_stamp stamp) const;

  const job_components& components_;
  cluster_storage storage_;
  crash_points crash_;
  std::shared_ptr<std::atomic<bool>> ended_ = std::make_shared<std::atomic<bool>>(false);
  proto::PhysicalPlan plan_;
  deployment whole_;
  std::unique_ptr<checkpoint_store> store_;
  std::unique_ptr<attempt_world> world_;
  std::vector<std::shared_ptr<task_counters>> counters_;
  std::vector<host_parts::hosted_task> tasks_;
  uint32_t slots_ = 0;
};

}  // namespace systole
