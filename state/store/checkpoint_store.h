#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/ids.h"
#include "base/result.h"
#include "proto/checkpoint.pb.h"

namespace systole {

/// Keeps checkpoints: immutable files that epochs share, one metadata file per epoch, and a log of
/// create-if-absent records chained by checksum; an epoch is complete when its `completed` record is in the log.
/// Thread-safe. In a directory (below) or an S3 bucket (s3_store.h).
class checkpoint_store {
 public:
  virtual ~checkpoint_store() = default;

  /// Makes a local file part of the store under a name that never comes again (hard link where it can, else copy), durably.
  /// The file must not change afterwards in its first `bytes` bytes.
  virtual result<proto::FileReference> put_file(const std::string& local_path, uint64_t bytes, uint64_t xxh3) = 0;
  /// A path where a stored file can be read; verified by length now and by checksum with verify().
  virtual result<std::string> path_of(const proto::FileReference& file) = 0;
  /// `corrupt`, naming the file, where its bytes do not match.
  virtual result<void> verify(const proto::FileReference& file) = 0;

  virtual result<proto::FileReference> put_metadata(const proto::CheckpointMetadata& metadata) = 0;
  virtual result<proto::CheckpointMetadata> read_metadata(const proto::FileReference& file) = 0;

  /// Appends the next record: sequence and previous_xxh3 are filled in. `fenced` where another process has written that
  /// sequence number with another nonce, or where the log holds a higher term.
  virtual result<void> append(proto::LogRecord record) = 0;
  /// The whole log, oldest first; `corrupt` where the chain is broken.
  virtual result<std::vector<proto::LogRecord>> read_log() = 0;

  /// Removes epochs but the last `retained` complete ones and files that no kept epoch names.
  virtual result<void> collect_garbage(uint32_t retained) = 0;
  /// Removes everything: the job is gone, and nobody else uses the store.
  virtual result<void> clear() = 0;
};

/// A store in `directory` (made if absent): files/, metadata/, log/. `job`: refuses the checkpoints of another; empty: none.
result<std::unique_ptr<checkpoint_store>> open_directory_store(file_system& files, const std::string& directory,
                                                               const std::string& job);

}  // namespace systole
