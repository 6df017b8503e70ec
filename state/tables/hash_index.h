#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace systole {

/// An open-addressing index from a hash to 4-byte offsets of entries kept elsewhere. A bucket is one cache line: 12 one-byte
/// tags, 12 offsets and a counter of entries that had to go past it (F14: Bronson and Shi, "Open-sourcing F14", 2019), so
/// that a lookup that misses reads one line and there are no tombstones. The hash's low bits choose the key group; the tag
/// takes bits 16-22 and the bucket the high 32. One thread; plain data.
class hash_index {
 public:
  hash_index() = default;
  hash_index(const hash_index&) = delete;
  hash_index& operator=(const hash_index&) = delete;
  hash_index(hash_index&& other) noexcept { swap(other); }
  hash_index& operator=(hash_index&& other) noexcept { swap(other); return *this; }

  uint32_t size() const { return size_; }
  size_t memory_bytes() const { return owned_ ? size_t{bucket_count_} * sizeof(bucket) : 0; }
  bool has_room() const { return size_ < limit_; }

  void prefetch(uint64_t hash) const { __builtin_prefetch(&buckets_[home(hash)]); }

  /// The offset of the first entry in the home bucket whose tag matches, for prefetching it.
  bool first_candidate(uint64_t hash, uint32_t& offset) const {
    const bucket& at = buckets_[home(hash)];
    const uint32_t matches = at.match(tag(hash));
    if (matches == 0) return false;
    offset = at.offsets[__builtin_ctz(matches)];
    return true;
  }

  /// Where the offset is stored of the entry for which equal(offset) holds, or nullptr.
  template <class Equal>
  uint32_t* find(uint64_t hash, Equal&& equal) {
    const uint8_t wanted = tag(hash);
    const uint32_t start = home(hash);
    uint32_t at = start;
    do {
      bucket& candidates = buckets_[at];
      for (uint32_t matches = candidates.match(wanted); matches != 0; matches &= matches - 1) {
        uint32_t& offset = candidates.offsets[__builtin_ctz(matches)];
        if (equal(offset)) return &offset;
      }
      if (candidates.passed == 0) return nullptr;
      at = next(at);
    } while (at != start);
    return nullptr;
  }

  /// REQUIRES: has_room(), and that no equal entry is in.
  void insert(uint64_t hash, uint32_t offset) {
    for (uint32_t at = home(hash);; at = next(at)) {
      bucket& candidates = buckets_[at];
      if (const uint32_t empty = candidates.match(0); empty != 0) {
        const int lane = __builtin_ctz(empty);
        candidates.tags[lane] = tag(hash);
        candidates.offsets[lane] = offset;
        ++size_;
        return;
      }
      if (candidates.passed != saturated) ++candidates.passed;
    }
  }

  /// REQUIRES: `place` came from find(hash) and nothing was inserted since.
  void erase(uint64_t hash, uint32_t* place);

  /// An empty index with room for at least `entries`.
  static hash_index with_room(size_t entries);
  /// The room to ask for when this one is full: while small about four times as much, since each growth looks at all
  /// entries; then half as much again, so that at most a third of the slots are spare. `hash`, of any key, makes the small
  /// ones uneven: the indexes of a table's key groups fill at the same pace and would all grow in the same moment.
  size_t grown_room(uint64_t hash) const {
    if (limit_ >= small) return size_t{limit_} + limit_ / 2;
    return size_t{limit_} * (256 + (hash >> 32) % 128) / 96 + lanes;  // 2.7 to 4 times: half as much again lies between them
  }

 private:
  static constexpr uint32_t lanes = 12;
  static constexpr uint32_t fill = 10;  ///< entries per bucket on average when full
  static constexpr uint32_t small = 1024;  ///< entries: 7 KiB
  static constexpr uint8_t saturated = 255;

  struct alignas(64) bucket {
    uint8_t tags[lanes];  ///< 0: empty
    uint8_t passed;       ///< entries whose search goes on behind this bucket; stays at 255 once there
    uint8_t unused[3];
    uint32_t offsets[lanes];

    uint32_t match(uint8_t wanted) const {
#if defined(__SSE2__)
      const __m128i header = _mm_load_si128(reinterpret_cast<const __m128i*>(tags));
      return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(header, _mm_set1_epi8(static_cast<char>(wanted))))) & 0xfff;
#else
      uint32_t found = 0;
      for (uint32_t lane = 0; lane < lanes; ++lane) found |= static_cast<uint32_t>(tags[lane] == wanted) << lane;
      return found;
#endif
    }
  };
  static_assert(sizeof(bucket) == 64);

  static uint8_t tag(uint64_t hash) { return static_cast<uint8_t>(hash >> 16 | 0x80); }
  uint32_t home(uint64_t hash) const { return static_cast<uint32_t>(((hash >> 32) * bucket_count_) >> 32); }
  uint32_t next(uint32_t at) const { return at + 1 == bucket_count_ ? 0 : at + 1; }
  void swap(hash_index& other) noexcept;

  struct release { void operator()(bucket* memory) const { std::free(memory); } };
  static bucket none_;  ///< what an empty index searches; never written, since it has no room

  bucket* buckets_ = &none_;
  uint32_t bucket_count_ = 1;
  uint32_t size_ = 0;
  uint32_t limit_ = 0;
  std::unique_ptr<bucket, release> owned_;
};

}  // namespace systole
