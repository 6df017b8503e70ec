#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "data/key_encoding.h"

namespace systole {

/// Describes one table of a step's state. Two descriptors are compatible when layout_version, layout and fingerprint are
/// equal; anything else is refused or, for dropped and new tables, told to the user.
struct table_descriptor {
  std::string step;            ///< the step's name
  std::string name;            ///< role within the step: "seen", "left", "accumulators"
  uint32_t layout_version = 1;
  std::string layout;          ///< key and value types, as text
  std::string fingerprint;     ///< keys, functions, window, TTL, as text
  /// Values have exactly this many bytes; 0 = any number. Fixed ones are updated in place.
  uint32_t fixed_value_bytes = 0;
};

/// One key's value in a value_table: bytes that the caller may change in place (fixed-size tables only).
struct state_entry {
  std::byte* value = nullptr;  ///< null where find() met nothing. Valid until the next call on the table.
  bool inserted = false;       ///< find_or_insert() made it; its bytes are zero
};

/// key -> value. Called by the task's thread only. Keys are canonical encodings (data/key_encoding.h) with their hash.
/// The batch calls prefetch and touch each key once; prefer them.
class value_table {
 public:
  virtual ~value_table() = default;

  // Fixed-size values.
  /// One entry per row of `rows` (all rows of `keys` where empty). Absent keys get value = nullptr.
  /// An entry that is returned by find() may be read only; by find_or_insert() or find_for_update() it counts as changed.
  virtual result<void> find(const encoded_keys& keys, std::span<const uint32_t> rows, std::span<state_entry> out) = 0;
  virtual result<void> find_for_update(const encoded_keys& keys, std::span<const uint32_t> rows, std::span<state_entry> out) = 0;
  /// Absent keys are inserted with zero bytes. A key that comes twice is inserted once; both rows see one value address.
  virtual result<void> find_or_insert(const encoded_keys& keys, std::span<const uint32_t> rows, std::span<state_entry> out) = 0;

  // Values of any size.
  virtual result<std::optional<std::string_view>> get(std::string_view key, uint64_t hash) = 0;
  virtual result<void> put(std::string_view key, uint64_t hash, std::string_view value) = 0;
  virtual result<void> erase(std::string_view key, uint64_t hash) = 0;
  /// Brings the keys' cache lines near; no effect on results.
  virtual void prefetch(const encoded_keys& keys) = 0;

  /// Visits all entries in no order; the visitor must not change the table. Stops when it returns false.
  virtual result<void> for_each(const std::function<bool(std::string_view key, std::string_view value)>& visit) = 0;
  /// Entries; fewer than there are while restored ones are still being loaded, so 0 does not mean that it is empty.
  virtual uint64_t size() const = 0;
};

/// key -> (subkey -> value), subkeys ordered by memcmp. Called by the task's thread only.
class map_table {
 public:
  virtual ~map_table() = default;
  virtual result<std::optional<std::string_view>> get(std::string_view key, uint64_t hash, std::string_view subkey) = 0;
  virtual result<void> put(std::string_view key, uint64_t hash, std::string_view subkey, std::string_view value) = 0;
  virtual result<void> erase(std::string_view key, uint64_t hash, std::string_view subkey) = 0;
  /// Visits a key's entries with from <= subkey (and subkey < to unless `to` is empty), ascending or descending. The views
  /// are valid during the call only; the visitor must not change the table. Stops when it returns false.
  using visitor = std::function<bool(std::string_view subkey, std::string_view value)>;
  virtual result<void> scan(std::string_view key, uint64_t hash, std::string_view from, std::string_view to,
                            const visitor& visit) = 0;
  virtual result<void> scan_backwards(std::string_view key, uint64_t hash, std::string_view from, std::string_view to,
                                      const visitor& visit) = 0;
  virtual void prefetch(const encoded_keys& keys) = 0;
  /// Visits all entries of all keys in no order of keys.
  virtual result<void> for_each(
      const std::function<bool(std::string_view key, std::string_view subkey, std::string_view value)>& visit) = 0;
  /// Erases the entries for which `which` holds, in no order of keys: far cheaper than erase() for each.
  virtual result<void> erase_if(
      const std::function<bool(std::string_view key, std::string_view subkey, std::string_view value)>& which) = 0;
  virtual uint64_t size() const = 0;  ///< entries, as value_table::size()
};

/// Event-time timers: a set of (time, key). Called by the task's thread only.
class timer_table {
 public:
  virtual ~timer_table() = default;
  /// Setting a timer that is there is no change.
  virtual result<void> set(timestamp_us time, std::string_view key, uint64_t hash) = 0;
  virtual result<void> cancel(timestamp_us time, std::string_view key, uint64_t hash) = 0;
  /// Removes and returns a timer with time <= until, the earliest first (ties in no order); nothing when none is due.
  struct due_timer { timestamp_us time; std::string key; };
  virtual result<std::optional<due_timer>> pop_due(timestamp_us until) = 0;
  /// The earliest time, or nothing.
  virtual std::optional<timestamp_us> earliest() const = 0;
  virtual uint64_t size() const = 0;
};

/// The keyed state of one task (subtask of a stage) for its key groups. Owned by the task, called by its thread only.
class keyed_state {
 public:
  virtual ~keyed_state() = default;
  /// Opens a table, with what the restored checkpoint holds for it. Names are (step, name); opening twice is a bug.
  virtual result<value_table*> open_values(const table_descriptor& descriptor) = 0;
  virtual result<map_table*> open_map(const table_descriptor& descriptor) = 0;
  virtual result<timer_table*> open_timers(const table_descriptor& descriptor) = 0;
  virtual uint64_t memory_bytes() const = 0;
};

}  // namespace systole
