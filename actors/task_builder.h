#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "actors/components.h"
#include "actors/crash_points.h"
#include "actors/task.h"
#include "coordination/deployment.h"
#include "proto/checkpoint.pb.h"
#include "proto/plan.pb.h"

namespace systole {

/// Who looks at what a step emits; see step_tap.
using probe_maker = std::function<std::shared_ptr<emission_probe>(const std::string& step, uint32_t subtask, schema)>;

/// What the tasks of one attempt are built from. All references outlive them.
struct build_context {
  const proto::PhysicalPlan* plan = nullptr;
  const deployment* whole = nullptr;
  const proto::CheckpointMetadata* restored = nullptr;  ///< null on a fresh start
  const job_components* components = nullptr;
  const parameter_map* parameters = nullptr;
  checkpoint_store* store = nullptr;
  const crash_points* crash = nullptr;
  std::string work_directory;  ///< for the tasks' state
  std::vector<uint32_t> hosted;  ///< the tasks that share the memory; empty: all
  bool in_memory = false;
  size_t memory_bytes = 0;  ///< of all tasks' keyed state together
  size_t batch_rows = 0;
  uint64_t channel_credit_bytes = 0;
  outbox_gate::limits outbox;
  probe_maker make_probe;  ///< null: nobody may look
  /// By node id; made once for the attempt.
  std::map<uint32_t, std::shared_ptr<source_factory>> sources;
  std::map<uint32_t, std::shared_ptr<sink_factory>> sinks;
};

/// True where the process has the task.
bool is_hosted(const build_context& context, const planned_task& planned);

/// Builds a task and restores it: state, operators, positions, sinks. Blocks; not on an actor's thread.
result<std::unique_ptr<task>> build_task(const build_context& context, const planned_task& planned,
                                         std::shared_ptr<task_counters> counters);

/// What a node's inputs look like, by input.
std::vector<operator_input> inputs_of(const proto::PhysicalPlan& plan, const proto::Node& node);

}  // namespace systole
