#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "data/key_encoding.h"
#include "state/changes/delta_format.h"
#include "state/tiered/rocks_base.h"

namespace systole {

namespace limits {
/// Chunks of a base that are read ahead of the task.
inline constexpr size_t loader_chunks_buffered = 8;
}  // namespace limits

/// Reads a restored base from front to end on a thread of its own, as it was when this was made, for the task to take the
/// entries into its tables piece by piece. take() is called by the task's thread.
class base_loader {
 public:
  /// Entries of one table and key group: delta records as a values table of any size has them (maps: key and packed_map;
  /// timers: as they are).
  struct chunk {
    table_shape table;
    size_t group_index = 0;
    uint32_t records = 0;
    std::string bytes;
    bool last_of_group = false;  ///< no more of this table and group
  };

  base_loader(const rocks_base& base, key_group_range groups, std::vector<table_shape> tables);
  ~base_loader();
  base_loader(const base_loader&) = delete;
  base_loader& operator=(const base_loader&) = delete;

  /// The next chunk where one is ready.
  std::optional<chunk> take();
  /// True when everything was taken, or reading failed.
  bool finished();
  /// What reading failed with.
  result<void> status();
  size_t waiting_bytes();

 private:
  void run();
  result<void> read_group(size_t group_index, const table_shape& table);
  /// Waits while too many are waiting; false when stopping.
  bool push(chunk made);

  base_cursor cursor_;
  key_group_range groups_;
  std::vector<table_shape> tables_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<chunk> ready_;
  size_t waiting_bytes_ = 0;
  bool stopping_ = false;
  bool done_ = false;
  std::optional<failure> failed_;
  std::thread thread_;
};

}  // namespace systole
