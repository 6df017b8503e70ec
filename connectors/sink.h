#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "data/batch.h"

namespace systole {

/// A file that belongs to a checkpoint: kept until the epoch's commit has succeeded.
struct outbox_file {
  std::string path;    ///< where the sink wrote it; durable up to `bytes` when seal_durable() returned
  uint64_t bytes = 0;
  uint64_t xxh3 = 0;
};

/// What one shard gives to an epoch.
struct sealed_epoch {
  std::string committable;            ///< what the committer needs; versioned by the sink; may be empty
  std::vector<outbox_file> outbox;
};

/// What a commit is for; `previous` is the last completed epoch before `epoch`, 0 for none.
struct commit_epoch {
  epoch_id epoch;
  epoch_id previous;
  std::string uuid;        ///< of the checkpoint
  bool is_final = false;
  bool rewound = false;    ///< a recovering commit only: the job was set back to this epoch, and later ones may be published
  bool stops = false;      ///< the job stops with it: what waits for its interval is published now
};

/// Takes one shard's rows. Called by the task's thread.
class sink_writer {
 public:
  virtual ~sink_writer() = default;
  virtual result<void> write(const batch& rows) = 0;
  /// Ends the epoch's rows (consolidated, if keyed). Fast: it does not fsync.
  /// `is_last`: the input has ended or the job stops; all must be published with this epoch's commit.
  virtual result<sealed_epoch> seal(epoch_id epoch, bool is_last) = 0;
  /// Makes what seal(epoch) gave durable; called on the state thread, while the task goes on writing the next epoch.
  virtual result<void> make_durable(epoch_id epoch) = 0;
  /// Publishes this shard's part of a complete epoch, where the factory says shards_commit(). On the state thread, after
  /// the epoch's make_durable(); may block. What a crash cuts off, the committer resolves. May be called again for the
  /// epoch that it committed last: by a coordinator that has taken over and does not know.
  virtual result<void> commit(const commit_epoch& epoch) {
    (void)epoch;
    return {};
  }
  /// Bytes in the outbox that no commit has taken, those in memory included; see limits::outbox_bytes.
  virtual uint64_t outbox_bytes() const { return 0; }
  /// Of these, what is held in memory until the barrier.
  virtual uint64_t held_memory_bytes() const { return 0; }
  /// Small state of the writer, and its restoration (once per old shard).
  virtual std::string snapshot() { return {}; }
  virtual result<void> restore(std::string_view bytes) {
    (void)bytes;
    return {};
  }
};

/// One shard's part of a commit.
struct shard_commit {
  uint32_t shard = 0;
  std::string committable;
};

/// Publishes complete epochs. One per sink in the job, on a thread of its own; may block. Idempotent: after a crash the
/// last complete epoch is committed again, whatever had been done. Where shards commit by themselves it only recovers:
/// commit() is called before the first row of an attempt and not again.
class sink_committer {
 public:
  virtual ~sink_committer() = default;
  /// Before the first row of an attempt. `last_completed`: 0 on a fresh start. Removes or moves aside what later,
  /// incomplete epochs left behind.
  virtual result<void> recover(epoch_id last_completed) = 0;
  /// After recover(), where the restored checkpoint does not know the sink: it is new in the manifest, and its first
  /// commit will have `last_completed` as its previous epoch. May be called again until that commit.
  virtual result<void> begin(epoch_id last_completed) {
    (void)last_completed;
    return {};
  }
  /// Instead of recover(), where a new coordinator takes over an attempt that goes on running: opens and loads what
  /// commit() needs, and touches nothing that running writers may use. `last_completed` may have been committed or not;
  /// its commit may follow, then those of later epochs. Where shards commit, the writers do that, and commit() does
  /// nothing after this.
  virtual result<void> adopt(epoch_id last_completed) {
    (void)last_completed;
    return {};
  }
  virtual result<void> commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) = 0;
};

/// Makes a sink's parts.
class sink_factory {
 public:
  virtual ~sink_factory() = default;
  /// False where the sink takes only append-only streams.
  virtual bool accepts_changelog() const = 0;
  /// The most shards it can have: 1 for table files and the console.
  virtual uint32_t max_shards() const { return limits_unbounded_shards; }
  static constexpr uint32_t limits_unbounded_shards = 1u << 15;
  /// True where each writer commits its own part (a producer's transaction cannot change hands).
  virtual bool shards_commit() const { return false; }
  /// True where people look at its output on the terminal of the process: of no use on a cluster.
  virtual bool needs_terminal() const { return false; }
  /// Looks whether the target takes the stream's rows, without changing anything: what a submission asks before it takes the
  /// job. `unavailable` where the target cannot be asked now. Blocks.
  virtual result<void> check_target() const { return {}; }
  /// Told in a worker, whose writers have no committer beside them: all sinks have committed `epoch`. Also before the
  /// first writer is made, with the restored epoch. Never goes back; any thread.
  virtual void on_committed(epoch_id epoch) { (void)epoch; }
  virtual result<std::unique_ptr<sink_writer>> make_writer(uint32_t shard, uint32_t shards) = 0;
  /// `most_shards`: the most that any attempt of the job ran with, this one included; recover() ends what they left open.
  virtual result<std::unique_ptr<sink_committer>> make_committer(uint32_t most_shards) = 0;
};

}  // namespace systole
