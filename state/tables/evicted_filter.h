#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace systole {

/// Remembers which keys may lie in the base only: never a false "no", about one in a hundred false "yes". A row of split block
/// Bloom filters (Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007; the constants are those
/// of Apache Parquet's specification), each twice as large as the one before, so that it grows with what is evicted.
/// About 2 bytes per key. One thread.
class evicted_filter {
 public:
  bool empty() const { return layers_.empty(); }
  void add(uint64_t hash);
  bool may_contain(uint64_t hash) const {
    for (const layer& each : layers_) {
      if (each.contains(hash)) return true;
    }
    return false;
  }
  void clear() { layers_ = {}; }
  size_t memory_bytes() const;

 private:
  struct block {
    std::array<uint32_t, 8> words{};
  };
  struct layer {
    std::vector<block> blocks;
    size_t keys = 0;
    bool contains(uint64_t hash) const;
    void add(uint64_t hash);
    bool full() const { return keys >= blocks.size() * keys_per_block; }
  };
  static constexpr size_t keys_per_block = 24;  ///< 10.7 bits per key

  std::vector<layer> layers_;
};

}  // namespace systole
