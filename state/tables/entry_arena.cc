#include "state/tables/entry_arena.h"

#include <algorithm>

namespace systole {

bool entry_arena::allocate_in_new_run(size_t bytes, uint32_t& offset) {
  constexpr size_t most_spare_pages = 16;
  const size_t needed = (bytes + heap_header_bytes + page_bytes - 1) / page_bytes;
  const size_t pages = std::max(needed, std::clamp<size_t>(pages_.size() / 8, 1, most_spare_pages));
  const uint64_t begin = uint64_t{pages_.size()} * page_bytes;
  if (begin + pages * page_bytes > limit_bytes) return false;
  if (!runs_.empty()) runs_.back().used_end = end_;
  run made;
  made.memory = std::make_unique_for_overwrite<std::byte[]>(pages * page_bytes - heap_header_bytes);
  made.begin = begin;
  for (size_t page = 0; page < pages; ++page) pages_.push_back(made.memory.get() + page * page_bytes);
  runs_.push_back(std::move(made));
  reserved_ += pages * page_bytes;
  run_end_ = begin + pages * page_bytes - heap_header_bytes;
  end_ = begin + bytes;
  offset = static_cast<uint32_t>(begin);
  return true;
}

}  // namespace systole
