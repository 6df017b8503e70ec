#pragma once

#include <vector>

#include "coordination/deployment.h"
#include "data/key_encoding.h"
#include "proto/checkpoint.pb.h"
#include "proto/plan.pb.h"

namespace systole {

/// A node of a checkpoint in one old subtask.
struct restored_node {
  uint32_t subtask = 0;
  const proto::NodeSnapshot* node = nullptr;
  const proto::TaskSnapshot* task = nullptr;
};

/// All old subtasks' snapshots of a plan's node, by subtask. State belongs to (step, role), wherever the old plan ran
/// it: a step that was renamed is found under `renamed_from`. Empty for a new step. Points into the metadata.
std::vector<restored_node> restored_nodes(const proto::CheckpointMetadata& metadata, const proto::Node& node);

/// The old subtasks whose counters and small state a new one takes over: with the same parallelism its own, else those
/// j with j mod p' = i (so each is taken once).
std::vector<size_t> inherited(const std::vector<restored_node>& old, uint32_t subtask, uint32_t parallelism);

}  // namespace systole
