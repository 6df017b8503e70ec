#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"

namespace systole {

/// Files that a writer has no more use for: its next ones are written over them (file_system::overwrite). They keep their names until
/// then, so that what an attempt leaves is removed as its other files are. Thread-safe.
class spare_files {
 public:
  spare_files(file_system& files, size_t limit) : files_(files), limit_(limit) {}
  spare_files(const spare_files&) = delete;
  spare_files& operator=(const spare_files&) = delete;
  /// Removes them.
  ~spare_files();

  /// Takes a file of `bytes` bytes that nobody reads any more; removes it where there are enough.
  result<void> give(const std::string& path, uint64_t bytes);
  struct file {
    std::unique_ptr<writable_file> opened;
    uint64_t bytes = 0;  ///< that it has already, another file's: truncate() cuts off what is not written over
  };
  /// A file at `path` to be written from its start: a spare one, else a new one. Its name is durable after sync_directory.
  result<file> make(const std::string& path);
  /// Removes what is more than `bytes` in sum.
  result<void> keep_within(uint64_t bytes);
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  file_system& files_;
  const size_t limit_;
  struct spare {
    std::string path;
    uint64_t bytes = 0;
  };
  std::mutex mutex_;
  std::vector<spare> spares_;          ///< guarded by mutex_
  std::atomic<uint64_t> bytes_{0};     ///< of them; written under mutex_
};

}  // namespace systole
