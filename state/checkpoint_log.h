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
class checkpoint_log {
 public:
  checkpoint_log(file_system& files, std::string directory) : files_(files), directory_(std::move(directory)) {}

  result<void> append(proto::LogRecord record);
  result<std::vector<proto::LogRecord>> read();

 private:
  struct tail {
    uint64_t sequence = 0;
    uint64_t term = 0;
    uint64_t xxh3 = 0;
  };
  std::string path_of(uint64_t sequence) const;
  result<std::vector<proto::LogRecord>> read_locked();
  result<proto::LogRecord> read_record(uint64_t sequence, uint64_t& xxh3) const;
  result<void> link_record(const proto::LogRecord& record, const std::string& bytes);
  failure fenced_by(const proto::LogRecord& record) const;

  std::mutex mutex_;
  file_system& files_;
  std::string directory_;
  std::optional<tail> tail_;
};

}  // namespace systole
