#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "connectors/files/byte_packer.h"
#include "connectors/outbox/file_part.h"
#include "connectors/outbox/pending_syncs.h"
#include "connectors/outbox/running_hash.h"
#include "connectors/outbox/sink_fence.h"
#include "connectors/sink.h"
#include "formats/record_encoder.h"

namespace systole {

/// What a file sink's writers have in common.
struct file_sink_settings {
  file_sink_place place;
  std::string suffix;               ///< ".ndjson.zst"
  std::string compression;
  int64_t roll_interval_us = 60'000'000;
  uint64_t roll_bytes = 64u << 20;
  const clock* time = nullptr;
  file_system* files = nullptr;
  committed_epoch committed;
  sink_owner owner;
  std::string outbox_folder;        ///< of the committer's fence
  /// False only in the negative control of the exactly-once tests: rows behind the checkpoint are kept.
  bool check_epochs = true;
};

/// Writes one shard's rows to a staged file, which is the outbox: at each barrier it is made durable and part of the
/// checkpoint by its length; past `roll` it is handed to the committer as a part of whole epochs.
/// write() and seal() belong to the task's thread, make_durable() to the state thread: while that one syncs, the task goes on
/// appending (`pending_syncs`).
class file_sink_writer final : public sink_writer {
 public:
  file_sink_writer(file_sink_settings settings, uint32_t shard, std::unique_ptr<record_encoder> encoder,
                   std::unique_ptr<byte_packer> packer);

  result<void> write(const batch& rows) override;
  result<sealed_epoch> seal(epoch_id epoch, bool is_last) override;
  result<void> make_durable(epoch_id epoch) override;
  /// Parts that wait for their commit, and what the current part got since the last barrier: what it had before is in a
  /// checkpoint, and stays where it will be published, so that an epoch would not free it.
  uint64_t outbox_bytes() const override;
  std::string snapshot() override { return snapshot_; }
  result<void> restore(std::string_view bytes) override;

 private:
  result<void> begin_file();
  std::string staged_name();
  /// Takes over what a former attempt had not ended: as a copy, since a zombie may still append to its file.
  result<file_part> inherit(file_part part);
  result<void> pack_rows();
  result<void> append_packed();
  std::string published_name(uint64_t epoch);

  const file_sink_settings settings_;
  const uint32_t shard_;
  std::unique_ptr<record_encoder> encoder_;
  std::unique_ptr<byte_packer> packer_;
  encode_buffer encoded_;
  encode_buffer packed_;

  pending_syncs syncs_{false};
  std::shared_ptr<writable_file> file_;

  file_part current_;                              ///< of file_; no name while there is none
  std::chrono::nanoseconds begun_{0};
  running_hash hash_;
  uint64_t sealed_bytes_ = 0;                      ///< of current_, at the last barrier
  bool dirty_ = false;                             ///< file_ was written to since the last barrier
  std::vector<file_part> rolled_;                  ///< ended by this or earlier epochs, and not known to be published
  std::vector<file_part> inherited_;               ///< unfinished files of the restored shards, as copies
  uint64_t last_epoch_ = 0;
  uint64_t sequence_ = 0;
  std::string snapshot_;
};

}  // namespace systole
