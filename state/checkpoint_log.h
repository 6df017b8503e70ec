#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "proto/checkpoint.pb.h"

namespace systole {

/// The create-if-absent log of a directory store: one file per record, named by its sequence number from 1, holding the
/// record before's checksum. A record is made by temporary file, fsync, link(2), fsync of the directory, so that of two
/// processes only one can write a number (docs/format/checkpoint.md). Thread-safe.
///
/// A `base` record stands for all before it: those may be removed, oldest first. A number that was removed can be
/// created again by a process that slept since; it notices, for the record before, which it has read, is not there any
/// more: append looks after it has created, and what it created is before the base, where nobody reads.
class checkpoint_log {
 public:
  checkpoint_log(file_system& files, std::string directory) : files_(files), directory_(std::move(directory)) {}

  result<void> append(proto::LogRecord record);
  /// From the newest `base` on, else from number 1.
  result<std::vector<proto::LogRecord>> read();
  /// Removes what the newest `base` stands for.
  result<void> trim();

 private:
  struct tail {
    uint64_t sequence = 0;
    uint64_t term = 0;
    uint64_t xxh3 = 0;
  };
  struct numbered {
    proto::LogRecord record;
    uint64_t xxh3 = 0;
  };
  std::string path_of(uint64_t sequence) const;
  result<std::vector<uint64_t>> sequences() const;
  result<std::vector<proto::LogRecord>> read_locked();
  result<std::vector<numbered>> read_back() const;
  result<numbered> read_record(uint64_t sequence) const;
  result<void> check_still_last(const proto::LogRecord& record, uint64_t xxh3) const;
  result<void> link_record(const proto::LogRecord& record, const std::string& bytes);
  failure fenced_by(const proto::LogRecord& record) const;

  std::mutex mutex_;
  file_system& files_;
  std::string directory_;
  std::optional<tail> tail_;
  uint64_t base_ = 0;  ///< the newest `base` that was read or written; 0: none
};

}  // namespace systole
