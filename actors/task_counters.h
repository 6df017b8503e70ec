#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "actors/duration_histogram.h"
#include "actors/rule_counters.h"
#include "actors/task_time.h"
#include "data/batch.h"

namespace systole {

/// Figures of a running task, for progress displays and metrics: written by the task's thread, read by any other at any
/// time, without a lock.
struct node_counters {
  std::atomic<uint64_t> in{0};  ///< rows; records for a source
  std::atomic<uint64_t> out{0};
  std::atomic<uint64_t> bytes{0};  ///< of a source
  std::atomic<uint64_t> rejected{0};  ///< late rows included
  std::atomic<int64_t> watermark{watermark_none};

  std::atomic<uint64_t> late{0};
  rule_counters by_rule;                 ///< since the attempt began; late rows too
  std::atomic<uint64_t> queued_bytes{0}; ///< received for this node and not processed
  std::atomic<uint64_t> state_bytes{0};  ///< of its step's tables, in memory; looked at now and then
  std::atomic<int64_t> lag_records{-1};  ///< a source's, looked at now and then; -1: it cannot tell
  // Sinks.
  std::atomic<uint64_t> committed{0};  ///< rows of epochs that were published since the attempt began
  std::atomic<uint64_t> errors{0};     ///< failed writes, and commits of sinks whose shards commit
  duration_histogram latency;          ///< from a row's reading to its being visible

  /// What `in`, `rejected` and `late` were when the attempt began: what the checkpoint had. Set before those are, which
  /// are stored with release and loaded with acquire for their sake.
  std::atomic<uint64_t> restored_in{0}, restored_rejected{0}, restored_late{0};
};
struct task_counters {
  explicit task_counters(size_t node_count) : nodes(node_count) {}
  std::vector<node_counters> nodes;  ///< in the order of planned_task::nodes
  std::atomic<uint64_t> state_bytes{0};
  std::atomic<uint64_t> queued_bytes{0};  ///< received and not processed
  task_time time;
  duration_histogram alignment;  ///< from an epoch's first barrier to its last
};

}  // namespace systole
