#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "data/batch.h"

namespace systole {

/// Version of the encoding below; part of every state descriptor (docs/format/key_encoding.md, golden file).
inline constexpr uint32_t key_encoding_version = 1;

/// The canonical, self-delimiting encoding of key columns: equal SQL values give equal bytes whatever their type's
/// width or scale. NULL is a tag of its own; 1, 1.0 and 1.00 are equal; -0 is 0; all NaNs are one; a TEXT that is a
/// lower-case UUID takes 17 bytes instead of 38. Not ordered: use append_ordered for that.
/// INT, BIGINT and NUMERIC are one family; DOUBLE PRECISION shares it for whole numbers only (0.5 differs from
/// 0.5::numeric), and DATE, TIMESTAMP, TIMESTAMPTZ, TEXT, BYTEA are families of their own: cast both sides of a join to
/// one type first.
void append_key_value(std::string& out, const column& values, size_t row);

/// An order-preserving encoding of one value (memcmp orders as PostgreSQL does, NULLs last ascending), for the subkeys
/// of ordered state. `descending` inverts it (NULLs first then, as PostgreSQL's default). Self-delimiting, so values
/// can be appended one after another. Comparable within one type only (NUMERIC of any scale with NUMERIC).
void append_ordered(std::string& out, const column& values, size_t row, bool descending = false);

/// The encoded keys of a batch's rows with their hashes. Reused from batch to batch: encode() overwrites.
class encoded_keys {
 public:
  /// Encodes `columns` (all of one size) row by row, column by column.
  void encode(std::span<const column* const> columns, size_t rows);
  size_t size() const { return hashes_.size(); }
  std::string_view key(size_t row) const { return {bytes_.data() + offsets_[row], offsets_[row + 1] - offsets_[row]}; }
  /// XXH3-64 of the key's bytes.
  uint64_t hash(size_t row) const { return hashes_[row]; }
  /// True where any key column of the row is NULL.
  bool has_null(size_t row) const { return !nulls_.empty() && nulls_[row]; }
  std::span<const uint64_t> hashes() const { return hashes_; }

 private:
  std::string bytes_;
  std::vector<uint64_t> offsets_;
  std::vector<uint64_t> hashes_;
  std::vector<uint8_t> nulls_;
};

/// XXH3-64 of an encoded key.
uint64_t hash_key(std::string_view encoded);

/// XXH3(key) mod maxParallelism.
constexpr key_group_id key_group_of(uint64_t hash, uint32_t max_parallelism) {
  return key_group_id(static_cast<uint16_t>(hash % max_parallelism));
}

/// The key groups [first, last] of a subtask: [ceil(i*max/p), floor(((i+1)*max-1)/p)], as Flink's
/// KeyGroupRangeAssignment.
struct key_group_range {
  uint16_t first = 0;
  uint16_t last = 0;
  constexpr bool contains(key_group_id group) const { return group.value >= first && group.value <= last; }
  constexpr size_t size() const { return last - first + size_t{1}; }
};
constexpr key_group_range key_groups_of_subtask(uint32_t subtask, uint32_t parallelism, uint32_t max_parallelism) {
  const uint64_t i = subtask, p = parallelism, max = max_parallelism;
  return {static_cast<uint16_t>((i * max + p - 1) / p), static_cast<uint16_t>(((i + 1) * max - 1) / p)};
}
/// The subtask that owns a group: floor(group * p / max).
constexpr uint32_t subtask_of_key_group(key_group_id group, uint32_t parallelism, uint32_t max_parallelism) {
  return static_cast<uint32_t>(static_cast<uint64_t>(group.value) * parallelism / max_parallelism);
}

}  // namespace systole
