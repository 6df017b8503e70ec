#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "coordination/deployment.h"

namespace systole {

/// A task to be placed.
struct placed_task {
  uint32_t group = 0;  ///< stages joined by forward exchanges: their equal subtasks share a worker
  uint32_t subtask = 0;
  std::string warm_on;  ///< the worker that has its state of the last checkpoint; empty: none
};

/// A worker with room.
struct placing_worker {
  std::string name;
  std::string node;
  uint32_t slots = 0;
  uint32_t used = 0;  ///< by other jobs
};

/// Where each task goes: index into the workers, by task.
struct placement {
  std::vector<size_t> worker_of_task;
  std::vector<uint32_t> slots_used;  ///< by worker
};

/// Why there is no placement.
struct missing_slots {
  uint32_t needed = 0;
  uint32_t free = 0;
  size_t workers = 0;
  /// "needs 4 slots; 2 are free on 3 workers"
  std::string told() const;
};

/// Tasks of a deployment, cold.
std::vector<placed_task> tasks_to_place(const deployment& whole);

/// A slot takes one subtask of each group, so that a job needs as many slots as its widest stage has subtasks. Slots
/// are taken evenly from the nodes, then from the workers of a node; a worker with warm state first, but not beyond its
/// even share. Each group's subtasks are dealt one per slot, warm ones to their worker, the others to the worker with
/// the fewest tasks. The same input gives the same placement. Pure.
std::variant<placement, missing_slots> place_tasks(const std::vector<placed_task>& tasks,
                                                   const std::vector<placing_worker>& workers);

}  // namespace systole
