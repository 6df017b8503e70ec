#include "state/tables/hash_index.h"

#include <cstring>
#include <new>
#include <utility>

namespace systole {

hash_index::bucket hash_index::none_{};

void hash_index::swap(hash_index& other) noexcept {
  std::swap(buckets_, other.buckets_);
  std::swap(bucket_count_, other.bucket_count_);
  std::swap(size_, other.size_);
  std::swap(limit_, other.limit_);
  std::swap(owned_, other.owned_);
}

void hash_index::erase(uint64_t hash, uint32_t* place) {
  for (uint32_t at = home(hash);; at = next(at)) {
    bucket& candidates = buckets_[at];
    if (place >= candidates.offsets && place < candidates.offsets + lanes) {
      candidates.tags[place - candidates.offsets] = 0;
      --size_;
      return;
    }
    if (candidates.passed != saturated) --candidates.passed;
  }
}

hash_index hash_index::with_room(size_t entries) {
  hash_index made;
  const size_t buckets = entries <= fill ? 1 : (entries + fill - 1) / fill;
  auto* memory = static_cast<bucket*>(std::aligned_alloc(alignof(bucket), buckets * sizeof(bucket)));
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(static_cast<void*>(memory), 0, buckets * sizeof(bucket));
  made.owned_.reset(memory);
  made.buckets_ = memory;
  made.bucket_count_ = static_cast<uint32_t>(buckets);
  made.limit_ = static_cast<uint32_t>(buckets == 1 ? lanes - 1 : buckets * fill);
  return made;
}

}  // namespace systole
