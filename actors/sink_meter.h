#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "actors/task_counters.h"
#include "base/clock.h"
#include "base/ids.h"

namespace systole {

/// Measures one sink of a task: rows by the epochs that publish them, and how long ago the input that made them was read.
/// Where rows are visible only with their epoch's commit, a sample of each epoch's batches stands for all of them.
/// Task's thread; writes into the node's counters. No allocation for a batch.
class sink_meter {
 public:
  /// `at_once`: rows are visible as soon as they are written.
  sink_meter(node_counters& into, const clock& time, bool at_once) : into_(into), time_(time), at_once_(at_once) {}

  /// `read_us`: when the input was read that led to these rows; 0 where that is not known.
  void on_written(uint64_t rows, timestamp_us read_us);
  void on_sealed(epoch_id epoch);
  /// All epochs up to this one are published.
  void on_committed(epoch_id epoch);
  /// A write or a commit has failed. Any thread.
  void on_error() { into_.errors.fetch_add(1, std::memory_order_relaxed); }

  static constexpr size_t sampled_batches = 32;  ///< of an epoch
  static constexpr size_t most_epochs = 8;       ///< sealed and not committed; older ones are counted with the next

 private:
  struct epoch_rows {
    epoch_id epoch;
    uint64_t rows = 0;
    uint64_t batches = 0;
    uint64_t stride = 1;  ///< each stride-th batch is in the sample
    size_t sampled = 0;
    std::array<timestamp_us, sampled_batches> read_us;
  };

  node_counters& into_;
  const clock& time_;
  bool at_once_;
  epoch_rows open_{};
  std::deque<epoch_rows> sealed_;
};

}  // namespace systole
