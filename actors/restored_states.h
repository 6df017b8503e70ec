#pragma once

#include <vector>

#include "coordination/deployment.h"
#include "state/task_state.h"

namespace systole {

/// What a task takes over of a checkpoint's keyed state, one entry per old task that had tables of its stateful steps in key
/// groups of its own. Which node of a step lists the step's tables, and with which other steps they lie in one old task, is a
/// matter of how the plan was chained then; tables are named by step and role, under the steps' names of today. Pure.
std::vector<restored_state> restored_states(const proto::CheckpointMetadata& metadata, const proto::PhysicalPlan& plan,
                                            const planned_task& task);

}  // namespace systole
