#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/attempt.h"
#include "actors/components.h"
#include "actors/crash_points.h"
#include "actors/task_builder.h"
#include "base/limits.h"
#include "coordination/deployment.h"
#include "proto/checkpoint.pb.h"
#include "proto/plan.pb.h"

namespace systole {

/// What a process gives to a job's tasks.
struct process_share {
  std::string directory;        ///< local: the tasks' working state is in its work/
  std::string outbox_directory; ///< where sinks keep rows until their commit; committers must see it, too
  std::string secret_directory;
  size_t memory_bytes = limits::memory_default_bytes;
  size_t outbox_bytes = limits::outbox_bytes;  ///< on disk, for each sink shard
  size_t batch_rows = limits::batch_rows;
  bool in_memory = false;  ///< keyed state without RocksDB
  bool console_is_terminal = false;
  probe_maker make_probe;        ///< null: nobody may look at rows
  std::vector<uint32_t> hosted;  ///< the tasks of the job that this process has; empty: all
};

parameter_map parameters_of(const proto::PhysicalPlan& plan);

/// Whose connectors they are.
struct connector_claim {
  term_id term;          ///< of the coordinator, for what it commits; of the attempt, for its tasks
  uint64_t attempt = 0;  ///< its number in the job's log
  bool sinks_only = false;
  std::function<bool()> still_current;  ///< see connector_context
};

/// What the tasks and committers of one attempt are made of in one process: plan, connectors, restored checkpoint, and
/// the process's limits dealt over them. Outlives what it made.
class attempt_world {
 public:
  /// References outlive it. `restored` may be null: a fresh start.
  attempt_world(const proto::PhysicalPlan& plan, const deployment& whole, const job_components& components,
                checkpoint_store& store, const crash_points& crash, process_share share,
                std::shared_ptr<const proto::CheckpointMetadata> restored);

  /// Sources and sinks; once, before what follows.
  result<void> open_connectors(connector_claim claim);
  /// In a worker: all sinks have committed the epoch. Any thread.
  void on_committed(epoch_id epoch);
  /// `most_shards` by step, see checkpoint_history.
  result<std::vector<job_sink>> make_committers(const std::map<std::string, uint32_t>& most_shards);
  /// Builds and restores one task. Blocks.
  result<std::unique_ptr<task>> build(const planned_task& planned, std::shared_ptr<task_counters> counters) {
    return build_task(context_, planned, std::move(counters));
  }
  const build_context& context() const { return context_; }
  /// Of the sources with maxDrift, by step.
  const std::map<std::string, std::shared_ptr<split_alignment>>& alignments() const { return alignments_; }

  /// How many shards a sink has.
  uint32_t shards_of(uint32_t node) const;

 private:
  sink_input input_of_sink(const proto::Node& node) const;

  const proto::PhysicalPlan& plan_;
  const deployment& whole_;
  const job_components& components_;
  process_share share_;
  std::shared_ptr<const proto::CheckpointMetadata> restored_;
  parameter_map parameters_;
  std::map<std::string, std::shared_ptr<split_alignment>> alignments_;
  build_context context_;
};

/// True where a task may wait for a disk or a server: it needs a thread of its own.
bool may_block(const proto::PhysicalPlan& plan, const planned_task& planned);

}  // namespace systole
