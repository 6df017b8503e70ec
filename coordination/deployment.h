#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/result.h"
#include "proto/plan.pb.h"

namespace systole {

/// One end of an exchange in a task that sends: the rows of a node go to all subtasks of another stage.
struct planned_output {
  uint32_t from_node = 0;  ///< 0: the task's rejected rows
  uint32_t to_node = 0;
  uint32_t to_input = 0;
  proto::Edge::Exchange exchange = proto::Edge::FORWARD;  ///< FORWARD has one channel
  const proto::Edge* edge = nullptr;                      ///< for its keys; null for rejected rows
  std::vector<uint32_t> channels;                         ///< by receiving subtask
};

/// A channel that a task receives from.
struct planned_input {
  uint32_t channel = 0;
  uint32_t node = 0;
  uint32_t input = 0;
  uint32_t index = 0;  ///< among the channels of that input
};

/// One subtask of one stage.
struct planned_task {
  uint32_t index = 0;  ///< within the job
  uint32_t stage = 0;
  uint32_t subtask = 0;
  uint32_t parallelism = 1;
  std::vector<uint32_t> nodes;  ///< ids, topological order
  bool runs(uint32_t node) const { return std::find(nodes.begin(), nodes.end(), node) != nodes.end(); }
  std::vector<planned_output> outputs;
  std::vector<planned_input> inputs;
  /// Direct calls within the task: (from node, to node, to input).
  struct call {
    uint32_t from = 0, to = 0, input = 0;
  };
  std::vector<call> calls;
  /// Rejected rows go to this node of the same task; 0: to an output with from_node 0, or nowhere.
  uint32_t local_dead_letter = 0;
  bool has_source = false;
  bool has_main_source = false;  ///< one that does not serve others
  bool has_sink = false;
};

struct planned_channel {
  uint32_t from_task = 0;
  uint32_t to_task = 0;
};

/// A physical plan as tasks and channels. Points into the plan.
struct deployment {
  std::vector<planned_task> tasks;
  std::vector<planned_channel> channels;  ///< by channel id
  /// The dead letter's own stage, where the plan has several stages; else 0.
  uint32_t dead_letter_stage = 0;
};

/// Expands a plan. A dead-letter sink in a plan of several stages gets a stage of its own with one subtask, fed by all
/// tasks: in a stage with other work it could be upstream of a task that rejects. Pure.
result<deployment> expand_plan(const proto::PhysicalPlan& plan);

/// True where a node's operator keeps keyed state.
bool is_stateful(const proto::Node& node);

/// True for a table that is read again and again: it ends when the sources that do not serve others have.
bool serves_others(const proto::Source& source);

/// The node with an id, or null.
const proto::Node* find_node(const proto::PhysicalPlan& plan, uint32_t id);

}  // namespace systole
