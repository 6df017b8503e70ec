#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "state/changes/segment_files.h"
#include "state/state_part.h"
#include "state/tiered/rocks_base.h"

namespace systole {

/// The files that a task's state consists of: a RocksDB base, once there is one, and deltas after it. Deltas are ingested into
/// the base when they have outgrown max(least_ingest_bytes, an eighth of it), beside the snapshots that follow, or when the task asks for it so
/// that it may evict entries. add(), request_ingest() and the queries are called by the task's thread; write() by the state thread;
/// ingestion runs on a thread of the chain's own, started on first use, or in write() where that has to wait for it anyway.
class tiered_chain {
 public:
  explicit tiered_chain(const task_state_options& options);
  ~tiered_chain();

  std::shared_ptr<delta_segment> make_segment();

  /// Before any other call. Takes over restored files: the largest base that holds our tables only is brought here and cut to
  /// our key groups; of other bases the entries that count are added to it.
  result<void> restore(const std::vector<restored_state>& restored);
  /// The restored segments that are not in the base, oldest first, with what counts of each.
  struct loose_file {
    proto::FileReference file;
    state_part part;
  };
  const std::vector<loose_file>& restored_files() const { return restored_; }
  /// Of them, without what belongs to other key groups, about.
  uint64_t restored_bytes() const { return restored_bytes_; }
  /// Ingests them now, for a state that does not fit into memory.
  result<void> ingest_restored();

  /// Entries of these tables vanish with the next write() or ingestion.
  void drop_tables(std::set<uint32_t> tables);

  /// The changes up to a cut; `segment` may be nullptr. `epoch`: a snapshot follows, which will be written or given up.
  void add(uint64_t cut, std::shared_ptr<delta_segment> segment, std::optional<epoch_id> epoch);
  /// A snapshot was written or destroyed.
  void end_snapshot();
  /// Has everything up to the last cut ingested soon: at once, or by write() where a snapshot has not been written yet (the
  /// base must not run ahead of it). False where that is under way already.
  void request_ingest();
  bool ingesting() const { return ingest_wanted_.load(std::memory_order_acquire); }
  /// Returns when ingesting() is false; at the latest after a second, since a snapshot that is under way is written first.
  void wait_for_ingest();

  result<proto::KeyedStateHandle> write(uint64_t cut, epoch_id epoch);

  const rocks_base* base() const { return published_base_.load(std::memory_order_acquire); }
  /// All changes up to this cut are in the base.
  uint64_t ingested_cut() const { return ingested_cut_.load(std::memory_order_acquire); }
  uint64_t base_memory_bytes() const;
  /// Of the deltas that are not in the base, as of the last write().
  uint64_t delta_bytes() const { return delta_bytes_.load(std::memory_order_relaxed); }
  /// Opens a chain's files for reading; for the task's restore.
  const segment_files& files() const { return files_; }

 private:
  struct pending_segment {
    uint64_t cut;
    epoch_id epoch;
    std::shared_ptr<delta_segment> segment;
  };
  result<void> write_locked(std::unique_lock<std::mutex>& chain, uint64_t cut, epoch_id epoch);
  result<void> ingest_locked(uint64_t cut);
  /// Has the deltas of now ingested by the chain's thread. Until that ends they stay part of what write() gives.
  void begin_ingest_beside(uint64_t cut);
  void ingest_beside();
  result<proto::KeyedStateHandle> ingest_stored(const std::vector<proto::FileReference>& deltas);
  void start_thread_locked();
  struct ingested_file {
    std::string path;
    uint64_t bytes;
    uint64_t xxh3;
    state_part part;
  };
  result<void> ingest_files(const std::vector<ingested_file>& oldest_first);
  result<void> seal_pending(uint64_t cut, bool into_store);
  result<void> rewrite_foreign(epoch_id epoch);
  result<void> apply_drops(epoch_id epoch);
  result<void> open_base();
  result<void> restore_base(std::vector<const restored_state*> with_base, bool whole);
  result<void> add_foreign_base(const restored_state& restored, int number);
  rocks_base::options base_options(const std::string& name) const;
  void run();
  result<void> fail_for_good(result<void> outcome);

  const task_state_options options_;
  const size_t piece_bytes_;
  segment_files files_;

  mutable std::mutex pending_mutex_;
  std::condition_variable changed_;  ///< with pending_mutex_: ingestion asked for, ended, or stopping
  std::deque<pending_segment> pending_;
  std::set<uint32_t> dropped_;
  uint64_t last_epoch_ = 0;
  uint64_t last_cut_ = 0;
  int open_snapshots_ = 0;
  bool run_ingest_ = false;
  bool run_beside_ = false;
  bool stopping_ = false;
  std::thread thread_;
  std::atomic<bool> ingest_wanted_{false};

  std::mutex chain_mutex_;  ///< taken before pending_mutex_
  std::unique_ptr<rocks_base> base_;
  std::vector<loose_file> restored_;
  uint64_t restored_bytes_ = 0;
  std::vector<loose_file> foreign_;             ///< older than all deltas, of old subtasks; rewritten by the next write()
  std::vector<sealed_segment> local_;           ///< sealed but not in the store: about to be ingested
  proto::KeyedStateHandle handle_;              ///< its base is that of the last checkpoint, or of the last ingestion beside
  bool base_changed_ = false;
  /// An ingestion beside write(): of the first deltas of handle_, all that belong to cuts up to this one. Meanwhile the base is the
  /// chain's thread's.
  struct beside {
    int deltas = 0;
    uint64_t cut = 0;
  };
  std::optional<beside> beside_;
  std::condition_variable beside_ended_;  ///< with chain_mutex_
  std::optional<failure> broken_;

  std::atomic<const rocks_base*> published_base_{nullptr};
  std::atomic<uint64_t> ingested_cut_{0};
  std::atomic<uint64_t> delta_bytes_{0};
};

}  // namespace systole
