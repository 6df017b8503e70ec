#pragma once

#include <cstddef>
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

  /// Takes a file that nobody reads any more; removes it where there are enough.
  result<void> give(const std::string& path);
  /// A file at `path` to be written from its start: a spare one, else a new one. Its name is durable after sync_directory, and what
  /// lies behind the bytes that are written is another file's.
  result<std::unique_ptr<writable_file>> make(const std::string& path);

 private:
  file_system& files_;
  const size_t limit_;
  std::mutex mutex_;
  std::vector<std::string> spares_;  ///< paths; guarded by mutex_
};

}  // namespace systole
