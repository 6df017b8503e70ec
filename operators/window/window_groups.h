#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace systole {

/// The groups of one open window that are in memory: canonical key -> a fixed number of accumulator bytes, with what
/// says how they stand to the state table. Appended to, iterated and dropped as a whole. One thread.
class window_groups {
 public:
  struct group {
    uint64_t hash = 0;       ///< of the key
    size_t key = 0;          ///< where in bytes_ its name begins
    uint32_t key_bytes = 0;  ///< of the key alone
    uint32_t row_bytes = 0;  ///< of the encoded key columns, which follow the name
    int64_t rows = 0;        ///< rows less retractions
    uint32_t local = 0;      ///< its index among the groups of the rows numbered `seen`
    uint64_t seen = 0;
    bool stored = false;   ///< the state table has an entry
    bool dirty = false;    ///< that entry is not what is here
    bool timed = false;    ///< a timer for its next firing is set
    bool emitted = false;  ///< a result of it stands downstream
  };
  static constexpr uint32_t absent = 0xffffffff;

  bool fired = false;  ///< its groups' first results were emitted; those of new groups are at once

  /// `key_groups`: their number where groups need names, else 0.
  window_groups(timestamp_us start, size_t value_bytes, uint32_t key_groups)
      : start_(start), value_bytes_(value_bytes), key_groups_(key_groups) {}

  timestamp_us start() const { return start_; }
  size_t size() const { return groups_.size(); }
  group& at(uint32_t index) { return groups_[index]; }
  const group& at(uint32_t index) const { return groups_[index]; }
  /// Stays where it is until the next add().
  std::byte* value(uint32_t index) { return values_.data() + index * value_bytes_; }
  std::string_view key(const group& of) const { return {bytes_.data() + of.key + sizeof(timestamp_us), of.key_bytes}; }
  std::string_view name(const group& of) const { return {bytes_.data() + of.key, name_bytes(of)}; }
  std::string_view key_row(const group& of) const { return {bytes_.data() + of.key + name_bytes(of), of.row_bytes}; }

  /// The index of a key, or absent.
  uint32_t find(std::string_view key_bytes, uint64_t hash) const {
    if (slots_.empty()) return absent;
    for (size_t at = hash >> 32;; ++at) {
      const uint32_t index = slots_[at & mask_];
      if (index == absent) return absent;
      if (groups_[index].hash == hash && key(groups_[index]) == key_bytes) return index;
    }
  }
  /// Adds a key that is not there, with zero accumulators. `key_row`: its encoded key columns.
  uint32_t add(std::string_view key_bytes, uint64_t hash, std::string_view key_row);
  /// Makes it the empty window of another start; memory stays.
  void reset(timestamp_us start);

 private:
  size_t name_bytes(const group& of) const {
    return sizeof(timestamp_us) + of.key_bytes + (key_groups_ > 0 ? sizeof(uint32_t) : 0);
  }
  void append_salt(size_t name, uint64_t hash);
  void grow();

  timestamp_us start_;
  size_t value_bytes_;
  uint32_t key_groups_;
  std::vector<group> groups_;
  std::vector<std::byte> values_;
  std::string bytes_;
  std::vector<uint32_t> slots_;  ///< open addressing, a power of two, at most half full
  size_t mask_ = 0;
};

}  // namespace systole
