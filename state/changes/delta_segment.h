#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/limits.h"
#include "state/changes/segment_writer.h"

namespace systole {

namespace limits {
/// Delta chunks that wait for the writing thread before the task waits for it.
inline constexpr size_t delta_chunks_buffered = 8;
}  // namespace limits

/// Records of one table, ready to be written.
struct delta_chunk {
  table_shape table;
  uint32_t records = 0;
  std::string bytes;
};

/// One epoch's changes on their way to a file. The task's thread pushes chunks; any one other thread at a time drains
/// them; the state thread seals. A failed write is kept and returned by seal().
class delta_segment {
 public:
  delta_segment(file_system& files, std::string path, const segment_header& header) : writer_(files, std::move(path), header) {}

  /// Hands a chunk over. Waits while limits::delta_chunks_buffered are waiting, unless `unbounded` (the barrier's last
  /// ones, which nobody may be draining yet).
  void push(delta_chunk chunk, bool unbounded);
  /// Writes what was pushed so far.
  void drain();
  /// Writes the rest and makes the file durable; nothing where there was no change. Called once, after the last push.
  result<std::optional<sealed_segment>> seal(epoch_id epoch);
  size_t waiting_bytes() const;

 private:
  bool take(delta_chunk& chunk);

  mutable std::mutex queue_mutex_;
  std::condition_variable taken_;
  std::deque<delta_chunk> queue_;
  size_t waiting_bytes_ = 0;

  std::mutex writer_mutex_;  ///< taken before queue_mutex_
  segment_writer writer_;
  bool any_ = false;
  std::optional<failure> failed_;
};

}  // namespace systole
