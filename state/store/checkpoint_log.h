#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "proto/checkpoint.pb.h"
#include "state/store/store_place.h"

namespace systole {

/// The create-if-absent log of a store: one object per record, named by its sequence number from 1, holding the record
/// before's checksum. Of two processes only one can create a number (docs/format/checkpoint.md). Thread-safe.
///
/// A `base` record stands for all before it: those may be removed, oldest first. A number that was removed can be
/// created again by a process that slept since; it notices, for the record before, which it has read, is not there any
/// more: append looks after it has created, and what it created is before the base, where nobody reads.
class checkpoint_log {
 public:
  /// In a folder of a place, which outlives the log.
  checkpoint_log(store_place& place, std::string folder) : place_(place), folder_(std::move(folder)) {}
  /// In a directory of its own.
  checkpoint_log(file_system& files, const std::string& directory);

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
  std::string name_of(uint64_t sequence) const;
  std::string path_of(uint64_t sequence) const { return place_.describe(name_of(sequence)); }
  result<std::vector<uint64_t>> sequences() const;
  result<std::vector<proto::LogRecord>> read_locked();
  result<std::vector<numbered>> read_back() const;
  result<numbered> read_record(uint64_t sequence) const;
  result<void> check_still_last(const proto::LogRecord& record, uint64_t xxh3) const;
  result<void> create_record(const proto::LogRecord& record, const std::string& bytes);
  failure fenced_by(const proto::LogRecord& record) const;

  std::mutex mutex_;
  std::unique_ptr<store_place> own_place_;
  store_place& place_;
  std::string folder_;
  std::optional<tail> tail_;
  /// Checksum of a record whose creation ended without an answer: it may be there, now or later.
  std::optional<uint64_t> unsettled_xxh3_;
  uint64_t base_ = 0;  ///< the newest `base` that was read or written; 0: none
};

}  // namespace systole
