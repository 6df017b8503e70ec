#include "operators/window/window_groups.h"

#include <algorithm>

#include "base/bytes.h"
#include "data/key_encoding.h"
#include "operators/stored_row.h"

namespace systole {

uint32_t window_groups::add(std::string_view key_bytes, uint64_t hash, std::string_view key_row) {
  if (2 * (groups_.size() + 1) > slots_.size()) grow();
  const auto index = static_cast<uint32_t>(groups_.size());
  size_t at = hash >> 32;
  while (slots_[at & mask_] != absent) ++at;
  slots_[at & mask_] = index;
  group made;
  made.hash = hash;
  made.key = bytes_.size();
  made.key_bytes = static_cast<uint32_t>(key_bytes.size());
  made.row_bytes = static_cast<uint32_t>(key_row.size());
  groups_.push_back(made);
  append_ordered_time(bytes_, start_);
  bytes_.append(key_bytes);
  if (key_groups_ > 0) append_salt(made.key, hash);
  bytes_.append(key_row);
  values_.resize(values_.size() + value_bytes_);
  return index;
}

void window_groups::append_salt(size_t name, uint64_t hash) {
  const size_t at = bytes_.size();
  for (uint32_t salt = 0;; ++salt) {
    append_fixed(bytes_, salt);
    const uint64_t name_hash = hash_key(std::string_view(bytes_).substr(name));
    if (key_group_of(name_hash, key_groups_) == key_group_of(hash, key_groups_)) return;
    bytes_.resize(at);
  }
}

void window_groups::reset(timestamp_us start) {
  start_ = start;
  fired = false;
  groups_.clear();
  values_.clear();
  bytes_.clear();
  std::fill(slots_.begin(), slots_.end(), absent);
}

void window_groups::grow() {
  const size_t size = std::max<size_t>(16, 2 * slots_.size());
  slots_.assign(size, absent);
  mask_ = size - 1;
  for (uint32_t index = 0; index < groups_.size(); ++index) {
    size_t at = groups_[index].hash >> 32;
    while (slots_[at & mask_] != absent) ++at;
    slots_[at & mask_] = index;
  }
}

}  // namespace systole
