#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "state/changes/segment_files.h"
#include "state/state_part.h"

namespace systole {

/// The files that a task's in-memory state consists of in the store: a sorted base and deltas, oldest first. Deltas that have
/// outgrown max(limits::delta_compact_bytes, an eighth of the base) are merged with it to a new base, and many small ones to
/// one, so that a restore never reads much more than the state. add() is called by the task's thread, the rest by the state
/// thread; no call waits for another's file access but write().
class segment_chain {
 public:
  explicit segment_chain(const task_state_options& options);

  /// Where the next delta of the task is written.
  std::shared_ptr<delta_segment> make_segment();

  /// Takes over restored files. With something in them that does not count, everything is merged to a base of our own by
  /// the first write().
  void restore(const std::vector<restored_state>& restored);
  /// Only these tables' entries are kept by the next write(), which merges everything.
  void keep_only(std::set<uint32_t> tables);

  /// The changes up to `epoch`; `segment` may be nullptr.
  void add(epoch_id epoch, std::shared_ptr<delta_segment> segment);
  /// Makes all added changes up to `epoch` durable and part of the store. After a failure the chain is broken: every later
  /// call fails the same way, and the task must be restored.
  result<proto::KeyedStateHandle> write(epoch_id epoch);

 private:
  struct pending_segment {
    epoch_id epoch;
    std::shared_ptr<delta_segment> segment;
  };
  result<void> write_locked(epoch_id epoch);
  result<void> merge_everything(epoch_id epoch);

  const key_group_range groups_;
  const uint32_t max_parallelism_;
  segment_files files_;
  std::mutex pending_mutex_;
  std::deque<pending_segment> pending_;
  std::optional<std::set<uint32_t>> only_tables_;
  uint64_t last_epoch_ = 0;

  std::mutex chain_mutex_;  ///< taken before pending_mutex_
  struct source {
    proto::KeyedStateHandle files;
    state_part part;
  };
  std::vector<source> sources_;  ///< one, ours, except between a rescale and the first write()
  bool merge_all_ = false;
  std::optional<failure> broken_;
};

}  // namespace systole
