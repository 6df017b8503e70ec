#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace systole {

/// Appends entries to memory that never moves and gives them 4-byte offsets. Memory grows by runs of whole pages (an eighth
/// of what is there, between 1 and 16 pages, less the heap's header, so that freed memory of any table fits the next run's);
/// an entry lies within one run. Freed as a whole. One thread.
class entry_arena {
 public:
  static constexpr uint32_t page_bits = 10;
  static constexpr uint32_t page_bytes = 1u << page_bits;
  static constexpr uint32_t heap_header_bytes = 16;  ///< what malloc adds to a block on 64-bit machines
  static constexpr uint64_t limit_bytes = (uint64_t{1} << 32) - page_bytes;

  /// Space for `bytes` at a multiple of `alignment` (a power of two up to 8). Its content is not initialised.
  /// Returns false, changing nothing, where the arena would exceed limit_bytes.
  bool allocate(size_t bytes, size_t alignment, uint32_t& offset) {
    const uint64_t start = (end_ + alignment - 1) & ~uint64_t{alignment - 1};
    if (start + bytes > run_end_) return allocate_in_new_run(bytes, offset);
    end_ = start + bytes;
    offset = static_cast<uint32_t>(start);
    return true;
  }

  std::byte* at(uint32_t offset) const { return pages_[offset >> page_bits] + (offset & (page_bytes - 1)); }
  size_t memory_bytes() const { return reserved_ + pages_.capacity() * sizeof(std::byte*); }
  uint64_t used_bytes() const { return end_; }

  /// Calls visit(offset, address), in the order of allocation, with the start of each entry; it returns the entry's size.
  template <class Visit>
  void for_each(size_t alignment, Visit&& visit) const {
    for (size_t i = 0; i < runs_.size(); ++i) {
      const uint64_t used = i + 1 == runs_.size() ? end_ : runs_[i].used_end;
      for (uint64_t offset = runs_[i].begin; offset < used;) {
        offset += visit(static_cast<uint32_t>(offset), at(static_cast<uint32_t>(offset)));
        offset = (offset + alignment - 1) & ~uint64_t{alignment - 1};
      }
    }
  }

 private:
  struct run {
    std::unique_ptr<std::byte[]> memory;
    uint64_t begin = 0;
    uint64_t used_end = 0;  ///< set when the next run begins
  };
  bool allocate_in_new_run(size_t bytes, uint32_t& offset);

  std::vector<std::byte*> pages_;
  std::vector<run> runs_;
  uint64_t end_ = 0;
  uint64_t run_end_ = 0;
  size_t reserved_ = 0;
};

}  // namespace systole
