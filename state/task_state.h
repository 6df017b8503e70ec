#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/ids.h"
#include "base/limits.h"
#include "proto/checkpoint.pb.h"
#include "state/keyed_state.h"
#include "state/store/checkpoint_store.h"

namespace systole {

/// One epoch's changes of a task's keyed state, on their way to the store.
class state_snapshot {
 public:
  virtual ~state_snapshot() = default;
  /// Appends the changes to a delta, makes it durable and part of the store. Called once, on the state thread; snapshots
  /// of one task in the order of their epochs.
  virtual result<proto::KeyedStateHandle> write() = 0;
};

struct task_state_options {
  std::string directory;                 ///< the task's own working folder; what is in it from before is discarded
  size_t memory_bytes = 64 << 20;        ///< for hash tables, block cache and write buffers together
  bool in_memory = false;                ///< no RocksDB: the oracle for tests. Snapshots and restores all the same.
  key_group_range groups;
  uint32_t max_parallelism = 128;
  /// Deltas of fewer bytes are not worth a sorted file in RocksDB: an eighth of a base of 1 GB is as much, and that is read back
  /// within the second that a restart may take.
  uint64_t least_ingest_bytes = 2 * limits::delta_compact_bytes;
  file_system* files = nullptr;
  checkpoint_store* store = nullptr;
};

/// A table of a restored checkpoint: which number its entries have in the handles, by step and role.
struct restored_table {
  proto::TableDescriptor descriptor;
  std::string step;
};

/// What a task takes over of an old task's keyed state.
struct restored_state {
  proto::KeyedStateHandle handle;
  std::vector<restored_table> tables;  ///< those that the old task had and that this one has now
  /// The old task had others too. Their entries in its files do not count: another task has taken them over, and may have
  /// changed them since.
  bool has_others = false;
};

/// A task's keyed state with its checkpoints.
class task_state : public keyed_state {
 public:
  /// Copies what changed since the last call. Called by the task's thread at a barrier, after the operators' on_barrier;
  /// the tables may be used again at once.
  virtual result<std::unique_ptr<state_snapshot>> begin_snapshot(epoch_id epoch) = 0;
  /// Memory of a step's tables, a part of memory_bytes().
  virtual uint64_t memory_bytes_of(const std::string& step) const {
    (void)step;
    return 0;
  }
  /// The descriptors of a step's tables, for the checkpoint's metadata.
  virtual std::vector<proto::TableDescriptor> descriptors(const std::string& step) const = 0;
};

/// Opens a task's state. `restored`: of all old tasks that had tables of ours in key groups of ours (their ranges may differ
/// from ours: the job was rescaled; no key group of a table comes twice); empty on a fresh start.
result<std::unique_ptr<task_state>> open_task_state(const task_state_options& options,
                                                    const std::vector<restored_state>& restored);

}  // namespace systole
