#pragma once

#include <caf/fwd.hpp>
#include <memory>
#include <vector>

#include "actors/interfaces.h"

namespace systole {

struct task_actor_parts {
  std::unique_ptr<task> work;
  uint32_t index = 0;
  job_actor job;
  state_writer_actor writer;
};

/// Spawns a task's actor; it waits for its wiring.
task_actor spawn_task(caf::actor_system& system, task_actor_parts parts, bool detached);

}  // namespace systole
