#pragma once

#include <algorithm>
#include <cassert>
#include <span>
#include <string_view>
#include <vector>

#include "data/key_encoding.h"
#include "state/tables/entry_shard.h"

namespace systole {

/// A table's entries: one entry_shard per key group of the task. One thread.
class entry_shards {
 public:
  entry_shards(key_group_range groups, uint32_t max_parallelism, entry_layout layout)
      : groups_(groups),
        max_parallelism_(max_parallelism),
        mask_((max_parallelism & (max_parallelism - 1)) == 0 ? max_parallelism - 1 : 0),
        layout_(layout),
        shards_(groups.size()) {}

  const entry_layout& layout() const { return layout_; }
  size_t count() const { return shards_.size(); }
  entry_shard& at(size_t index) { return shards_[index]; }
  const entry_shard& at(size_t index) const { return shards_[index]; }
  uint16_t group(size_t index) const { return static_cast<uint16_t>(groups_.first + index); }

  /// The index of the shard that owns a key. REQUIRES: the key belongs to the task.
  size_t index_of(uint64_t hash) const {
    const uint64_t key_group = mask_ != 0 ? hash & mask_ : hash % max_parallelism_;
    assert(groups_.contains(key_group_id(static_cast<uint16_t>(key_group))));
    return key_group - groups_.first;
  }
  entry_shard& of(uint64_t hash) { return shards_[index_of(hash)]; }
  bool owns(uint64_t hash) const { return groups_.contains(key_group_of(hash, max_parallelism_)); }

  /// Fetches the index lines, then the entries that they lead to.
  void prefetch(const encoded_keys& keys) const {
    constexpr size_t block = 64;
    const std::span<const uint64_t> hashes = keys.hashes();
    for (size_t begin = 0; begin < hashes.size(); begin += block) {
      const std::span<const uint64_t> some = hashes.subspan(begin, std::min(block, hashes.size() - begin));
      for (const uint64_t hash : some) shards_[index_of(hash)].prefetch(hash);
      for (const uint64_t hash : some) shards_[index_of(hash)].prefetch_entry(hash);
    }
  }

  uint64_t entries() const {
    uint64_t sum = 0;
    for (const entry_shard& shard : shards_) sum += shard.entries();
    return sum;
  }
  size_t memory_bytes() const {
    size_t sum = shards_.capacity() * sizeof(entry_shard);
    for (const entry_shard& shard : shards_) sum += shard.memory_bytes();
    return sum;
  }

 private:
  key_group_range groups_;
  uint32_t max_parallelism_;
  uint64_t mask_;
  entry_layout layout_;
  std::vector<entry_shard> shards_;
};

}  // namespace systole
