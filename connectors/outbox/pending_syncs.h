#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"

namespace systole {

/// Files of a sink's writer that the next checkpoint must find on disk. The task's thread adds them at a barrier and goes on
/// appending to those that have not ended; the state thread syncs them without keeping it waiting.
class pending_syncs {
 public:
  /// `read_again`: what was synced is read soon, so that the system should keep it in memory.
  explicit pending_syncs(bool read_again) : read_again_(read_again) {}

  /// What `file` holds by now is to be synced. Task's thread.
  void add(std::shared_ptr<writable_file> file);
  /// And it is closed then: nothing is appended any more. Task's thread.
  void add_ended(std::shared_ptr<writable_file> file);

  /// Syncs what was added; gives whether there was anything. State thread, one call at a time. After a failure the files
  /// that were not synced are tried again by the next call (and fail again if it was their sync that failed: file_system.h).
  result<bool> sync_all();

 private:
  struct entry {
    std::shared_ptr<writable_file> file;
    bool ended = false;
  };

  const bool read_again_;
  std::mutex mutex_;
  std::vector<entry> added_;  ///< by the task's thread; guarded by mutex_
  std::deque<entry> taken_;   ///< of the state thread
};

}  // namespace systole
