#include "state/tables/entry_shard.h"

#include <cassert>

#include "data/key_encoding.h"

namespace systole {

uint64_t entry_shard::hash_of(std::string_view key) { return hash_key(key); }

std::byte* entry_shard::insert(const entry_layout& layout, std::string_view key, uint64_t hash, uint8_t flags,
                               size_t capacity, uint32_t& offset) {
  if (!index_.has_room()) grow_index(layout, hash);
  if (!arena_.allocate(layout.size_for(key.size(), capacity), layout.alignment(), offset)) return nullptr;
  std::byte* entry = arena_.at(offset);
  layout.construct(entry, flags, key, capacity);
  index_.insert(hash, offset);
  return entry;
}

std::byte* entry_shard::move(const entry_layout& layout, uint32_t* place, size_t capacity) {
  std::byte* old = arena_.at(*place);
  const std::string_view key = layout.key(old);
  uint32_t offset = 0;
  if (!arena_.allocate(layout.size_for(key.size(), capacity), layout.alignment(), offset)) return nullptr;
  std::byte* entry = arena_.at(offset);
  uint8_t& old_flags = layout.flags(old);
  const uint8_t flags = old_flags;
  layout.construct(entry, static_cast<uint8_t>(flags & ~entry_layout::dirty), key, capacity);
  garbage_bytes_ += layout.size_of(old);
  old_flags |= entry_layout::dead;
  *place = offset;
  if ((flags & entry_layout::dirty) != 0) add_dirty(layout, offset);
  return entry;
}

void entry_shard::erase(const entry_layout& layout, uint32_t* place, uint64_t hash) {
  std::byte* entry = arena_.at(*place);
  garbage_bytes_ += layout.size_of(entry);
  layout.flags(entry) |= entry_layout::dead;
  index_.erase(hash, place);
}

void entry_shard::erase_at(const entry_layout& layout, uint32_t offset) {
  const uint64_t hash = hash_of(layout.key(arena_.at(offset)));
  erase(layout, index_.find(hash, [offset](uint32_t candidate) { return candidate == offset; }), hash);
}

void entry_shard::adopt(const entry_layout& layout, const std::byte* entry, uint64_t hash) {
  const size_t bytes = layout.size_of(entry);
  uint32_t offset = 0;
  [[maybe_unused]] const bool fits = arena_.allocate(bytes, layout.alignment(), offset);
  assert(fits);  // the old arena held it
  std::byte* copy = arena_.at(offset);
  std::memcpy(copy, entry, bytes);
  index_.insert(hash, offset);
  if ((layout.flags(copy) & entry_layout::dirty) != 0) dirty_.push_back(offset);
}

void entry_shard::compact(const entry_layout& layout) {
  compact(layout, [](std::byte*, uint64_t) { return true; });
}

void entry_shard::grow_index(const entry_layout& layout, uint64_t hash) {
  hash_index grown = hash_index::with_room(index_.grown_room(hash));
  arena_.for_each(layout.alignment(), [&](uint32_t offset, std::byte* entry) {
    const std::byte* read_only = entry;
    if ((layout.flags(read_only) & entry_layout::dead) == 0) grown.insert(hash_key(layout.key(entry)), offset);
    return layout.size_of(entry);
  });
  index_ = std::move(grown);
}

}  // namespace systole
