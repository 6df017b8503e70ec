#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/limits.h"
#include "connectors/outbox/file_part.h"
#include "connectors/outbox/pending_syncs.h"
#include "connectors/outbox/running_hash.h"
#include "connectors/outbox/spare_files.h"
#include "connectors/sink.h"

namespace systole {

/// One epoch's rows of one shard in a file: batches in wire format, each with its length and checksum
/// (docs/format/outbox.md).
struct outbox_segment {
  std::string path;
  uint64_t epoch = 0;
  uint64_t bytes = 0;
  uint64_t rows = 0;
  uint64_t xxh3 = 0;   ///< of the beginning and the heads of all frames (SYSSEG2), which have their own; of all bytes (SYSSEG1)
};

std::string encode_segments(const std::vector<outbox_segment>& segments);
result<std::vector<outbox_segment>> decode_segments(std::string_view bytes);
/// The segments of all shards that belong to epochs after `previous`, in the order of their epochs.
result<std::vector<outbox_segment>> segments_after(const std::vector<shard_commit>& shards, epoch_id previous);

/// A frame's bytes as they were written, in memory of their own.
struct outbox_frame {
  std::shared_ptr<char[]> bytes;
  size_t size = 0;
};
/// Gives the segment's frames in order; `corrupt`, naming the file, where length or a checksum does not match.
result<void> read_frames(file_system& files, const outbox_segment& segment, const std::function<result<void>(outbox_frame)>& take);
/// The same where each frame is a batch, as append() writes them.
result<void> read_segment(file_system& files, const outbox_segment& segment,
                          const std::function<result<void>(const batch&)>& take);

/// Removes segments that are durable at the sink, with all that attempts before `attempt` left: a restored epoch's commit
/// is the first of an attempt, and after it nothing older is owed.
result<void> remove_committed_segments(file_system& files, const std::string& folder,
                                       const std::vector<outbox_segment>& committed, uint64_t attempt);
/// Removes segments that attempts before `attempt` began after the checkpoint that is restored: their rows come again.
result<void> remove_later_segments(file_system& files, const std::string& folder, epoch_id last_completed, uint64_t attempt);

/// A shard's outbox: rows wait in segments until their epoch's commit. append() and seal() belong to the task's thread,
/// make_durable() and reuse() to the state thread.
class epoch_outbox {
 public:
  /// `folder` is the sink's own; `committed` is told by the committer. `attempt`: see connector_context. `disk_bytes`: what its files
  /// may take before spare ones go; the rows that are owed are bounded by coordination/outbox_gate.h.
  epoch_outbox(file_system& files, std::string folder, uint64_t attempt, uint32_t shard, committed_epoch committed,
               uint64_t disk_bytes = limits::outbox_bytes);

  result<void> append(const batch& rows);
  /// Appends `rows` rows in a form of the sink's own: `frame` behind its first frame_head_bytes, which are for the outbox. `crc`: CRC-32C
  /// of it.
  static constexpr size_t frame_head_bytes = 2 * sizeof(uint32_t);
  result<void> append_frame(std::string& frame, uint64_t rows, uint32_t crc);
  /// Ends the epoch's segment; gives all segments that are not known to be committed. Rows of an aborted epoch so join
  /// the next.
  result<sealed_epoch> seal(epoch_id epoch);
  result<void> make_durable();
  /// Has later segments written over these, which are durable at the sink: for who commits by itself, and would remove them.
  result<void> reuse(const std::vector<outbox_segment>& committed);
  /// Of segments whose epoch is not known to be committed, and of the one under construction.
  uint64_t bytes() const;
  /// What a checkpoint keeps of it, and its restoration: once per old shard.
  std::string snapshot() const;
  result<void> restore(std::string_view bytes);
  /// The last epoch of a restored checkpoint: segments are named after it.
  void set_last_epoch(uint64_t epoch) { last_epoch_ = std::max(last_epoch_, epoch); }
  uint64_t last_epoch() const { return last_epoch_; }

 private:
  result<void> begin_segment();
  result<void> end_segment();
  /// Spare files make room for what is owed.
  result<void> keep_within_disk();

  file_system& files_;
  std::string folder_;
  uint64_t attempt_;
  uint32_t shard_;
  committed_epoch committed_;
  const uint64_t disk_bytes_;
  pending_syncs syncs_{true};
  spare_files spares_{files_, limits::outbox_spare_segments};
  std::shared_ptr<writable_file> file_;                  ///< of the segment under construction; the task's thread only
  uint64_t file_bytes_ = 0;                              ///< that file_ had before: they are cut off where they are more
  outbox_segment current_;
  running_hash hash_;
  std::vector<outbox_segment> ended_;                    ///< full ones of the epoch under construction
  std::vector<outbox_segment> sealed_;
  uint64_t last_epoch_ = 0;
  uint64_t sequence_ = 0;
  std::string frame_;
};

}  // namespace systole
