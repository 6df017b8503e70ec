#pragma once

#include "actors/task_builder.h"
#include "coordination/saved_state.h"

namespace systole {

/// The tables that a plan's operators open, by step, to compare with saved ones before anything is touched. Opens the
/// operators over empty state in memory. Blocks; not on an actor's thread.
result<planned_tables> tables_of_plan(const build_context& context);

}  // namespace systole
