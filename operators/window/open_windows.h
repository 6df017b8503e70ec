#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "operators/operator.h"
#include "operators/window/window_groups.h"

namespace systole {

/// The groups of all open windows. Hot ones are in memory, by window; they are written to the keyed state (key ->
/// window start -> flags, rows, accumulators, key columns) at a barrier, or when there are more than cached_groups. So
/// a window that opens and closes between two barriers never costs the state anything. Timers are set, per (key,
/// window), only for groups that were written: at window end - 1 us + lateness, or where results are emitted on time
/// and that has not happened yet, at window end - 1 us. Keys and not windows have timers, since the state is sliced by
/// key; windows in memory are fired by their start and need none. One thread.
class open_windows {
 public:
  static constexpr size_t cached_groups = 32'768;
  static constexpr size_t pooled_windows = 64;  ///< closed windows whose memory is kept for new ones

  struct layout {
    int64_t size_us = 0;
    int64_t lateness_us = 0;
    bool on_time = false;      ///< emitted at the window's end, not only once it is closed
    bool counts_rows = false;  ///< changelog input: `rows` is part of the state
    size_t value_bytes = 0;
    uint32_t key_groups = 0;  ///< their number where accumulators have side tables, else 0
  };

  explicit open_windows(const layout& of) : layout_(of) {}
  result<void> open(const operator_context& context, const table_descriptor& groups);

  /// When a window's results may be emitted first, and when it is closed.
  timestamp_us first_firing(timestamp_us start) const;
  timestamp_us closing(timestamp_us start) const;

  /// The window in memory that starts then, made if absent. Valid until close() or shrink().
  window_groups& window(timestamp_us start, timestamp_us watermark);
  /// The group of a key, from memory or from the state, made if absent (`key_row()` gives its encoded key columns).
  template <class KeyRow>
  result<uint32_t> find_or_add(window_groups& in, std::string_view key, uint64_t hash, const KeyRow& key_row) {
    if (const uint32_t index = in.find(key, hash); index != window_groups::absent) [[likely]]
      return index;
    SYSTOLE_ASSIGN(const uint32_t loaded, load(in, key, hash));
    if (loaded != window_groups::absent) return loaded;
    ++cached_;
    return in.add(key, hash, key_row());
  }
  /// Writes all that is dirty. Windows that the watermark has not reached yet get the timers of their first firing.
  result<void> write_back(timestamp_us watermark);
  /// Writes back and empties the memory where it holds more than cached_groups.
  result<void> shrink(timestamp_us watermark);

  /// The first window in memory with start >= `from` that is closed, or that may fire and has not, or nullptr.
  window_groups* next_due(timestamp_us from, timestamp_us watermark);
  /// Notes that a window's first results are out.
  static void set_fired(window_groups& window);
  /// Forgets a window, in memory and in the state.
  result<void> close(window_groups& window);
  /// Loads about `limit` groups whose timers are due and that are not in memory. False when no timer was due.
  result<bool> load_due(timestamp_us watermark, size_t limit);

 private:
  result<uint32_t> load(window_groups& in, std::string_view key, uint64_t hash);
  result<void> write(window_groups& in, window_groups::group& of, timestamp_us watermark);
  result<void> load_due_group(timestamp_us start, const timer_table::due_timer& due, timestamp_us watermark);
  void release(std::unique_ptr<window_groups> window);

  layout layout_;
  map_table* table_ = nullptr;
  timer_table* timers_ = nullptr;
  std::map<timestamp_us, std::unique_ptr<window_groups>> windows_;
  std::vector<std::unique_ptr<window_groups>> pool_;
  size_t cached_ = 0;  ///< groups in all windows
  std::string subkey_, value_;
};

}  // namespace systole
