#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "data/batch.h"

namespace systole {

/// Figures of a running task for progress displays: written by the task's thread, read by any other at any time.
struct node_counters {
  std::atomic<uint64_t> in{0};  ///< rows; records for a source
  std::atomic<uint64_t> out{0};
  std::atomic<uint64_t> bytes{0};  ///< of a source
  std::atomic<uint64_t> rejected{0};
  std::atomic<int64_t> watermark{watermark_none};
};
struct task_counters {
  explicit task_counters(size_t node_count) : nodes(node_count) {}
  std::vector<node_counters> nodes;  ///< in the order of planned_task::nodes
  std::atomic<uint64_t> state_bytes{0};
  std::atomic<uint64_t> queued_bytes{0};  ///< received and not processed
};

}  // namespace systole
