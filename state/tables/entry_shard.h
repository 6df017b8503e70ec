#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "state/tables/entry_arena.h"
#include "state/tables/entry_layout.h"
#include "state/tables/evicted_filter.h"
#include "state/tables/hash_index.h"

namespace systole {

/// One table's entries of one key group: a hash_index over an entry_arena. Entry addresses are stable until compact().
/// One thread.
class entry_shard {
 public:
  void prefetch(uint64_t hash) const { index_.prefetch(hash); }
  /// Prefetches the entry that `hash` may lead to; useful some time after prefetch().
  void prefetch_entry(uint64_t hash) const {
    if (uint32_t offset; index_.first_candidate(hash, offset)) __builtin_prefetch(arena_.at(offset));
  }

  /// The live entry of `key` (it may be a tombstone), or nullptr.
  std::byte* find(const entry_layout& layout, std::string_view key, uint64_t hash) {
    const uint32_t* place = find_place(layout, key, hash);
    return place == nullptr ? nullptr : arena_.at(*place);
  }
  /// As find(), with where the index holds its offset.
  uint32_t* find_place(const entry_layout& layout, std::string_view key, uint64_t hash) {
    return index_.find(hash, [&](uint32_t offset) { return equal_bytes(layout.key(arena_.at(offset)), key); });
  }
  std::byte* at(uint32_t offset) const { return arena_.at(offset); }

  /// Adds an entry with an empty or zero value. REQUIRES: find() gave nullptr. nullptr where the shard is full (4 GiB).
  std::byte* insert(const entry_layout& layout, std::string_view key, uint64_t hash, uint8_t flags, size_t capacity,
                    uint32_t& offset);
  /// Moves the entry at `place` to new memory with `capacity`; its key and flags stay, its value is empty.
  /// nullptr where the shard is full.
  std::byte* move(const entry_layout& layout, uint32_t* place, size_t capacity);
  /// Takes the entry out. `place` from find_place(); invalid afterwards.
  void erase(const entry_layout& layout, uint32_t* place, uint64_t hash);
  /// The same of a live entry whose offset is known.
  void erase_at(const entry_layout& layout, uint32_t offset);

  /// Remembers an entry for the next snapshot; once per entry.
  void add_dirty(const entry_layout& layout, uint32_t offset) {
    uint8_t& flags = layout.flags(arena_.at(offset));
    if ((flags & entry_layout::dirty) != 0) return;
    flags |= entry_layout::dirty;
    dirty_.push_back(offset);
  }
  /// Calls copy(entry) for each dirty entry that still lives, and marks them as written with `mark`.
  template <class Copy>
  void take_dirty(const entry_layout& layout, uint8_t mark, Copy&& copy) {
    for (const uint32_t offset : dirty_) {
      std::byte* entry = arena_.at(offset);
      uint8_t& flags = layout.flags(entry);
      if ((flags & entry_layout::dead) == 0) copy(entry);
      flags = static_cast<uint8_t>((flags & ~(entry_layout::dirty | 3 << entry_layout::written_shift)) | mark);
    }
    dirty_.clear();
    if (dirty_.capacity() * sizeof(uint32_t) > arena_.memory_bytes() / 8) dirty_.shrink_to_fit();
  }

  /// True when erased and moved entries take more than a third of the memory and compact() is worth its time.
  bool wants_compaction() const { return garbage_bytes_ > 4096 && garbage_bytes_ > arena_.used_bytes() / 3; }
  /// Rewrites the arena with the entries for which keep(entry, hash) holds, and the index. All addresses change.
  template <class Keep>
  void compact(const entry_layout& layout, Keep&& keep);
  void compact(const entry_layout& layout);

  template <class Visit>
  void for_each(const entry_layout& layout, Visit&& visit) const {
    arena_.for_each(layout.alignment(), [&](uint32_t, std::byte* entry) {
      if ((layout.flags(static_cast<const std::byte*>(entry)) & entry_layout::dead) == 0) visit(entry);
      return layout.size_of(entry);
    });
  }

  /// As for_each(), with each entry's offset; visit may erase_at() it, and change it in place.
  template <class Visit>
  void for_each_place(const entry_layout& layout, Visit&& visit) {
    arena_.for_each(layout.alignment(), [&](uint32_t offset, std::byte* entry) {
      if ((layout.flags(static_cast<const std::byte*>(entry)) & entry_layout::dead) == 0) visit(offset, entry);
      return layout.size_of(entry);
    });
  }

  uint32_t entries() const { return index_.size(); }
  size_t memory_bytes() const {
    return index_.memory_bytes() + arena_.memory_bytes() + dirty_.capacity() * sizeof(uint32_t) + evicted_.memory_bytes();
  }

  /// True where a key that is not here may be in the base. False: its absence here is the answer.
  bool may_be_below(uint64_t hash) const { return loading_ || (!evicted_.empty() && evicted_.may_contain(hash)); }
  bool anything_below() const { return loading_ || !evicted_.empty(); }
  /// The base holds keys that nobody has seen yet.
  bool loading() const { return loading_; }
  void set_loading(bool loading) { loading_ = loading; }
  /// From now on the key may be in the base.
  void add_evicted(uint64_t hash) { evicted_.add(hash); }

 private:
  void grow_index(const entry_layout& layout, uint64_t hash);
  /// Copies an entry of another shard's arena; for compact().
  void adopt(const entry_layout& layout, const std::byte* entry, uint64_t hash);
  static uint64_t hash_of(std::string_view key);

  hash_index index_;
  entry_arena arena_;
  std::vector<uint32_t> dirty_;
  uint64_t garbage_bytes_ = 0;
  bool loading_ = false;
  evicted_filter evicted_;
};

template <class Keep>
void entry_shard::compact(const entry_layout& layout, Keep&& keep) {
  entry_shard rebuilt;
  rebuilt.index_ = hash_index::with_room(index_.size());
  for_each(layout, [&](std::byte* entry) {
    const uint64_t hash = hash_of(layout.key(entry));
    if (keep(entry, hash)) rebuilt.adopt(layout, entry, hash);
  });
  rebuilt.loading_ = loading_;
  rebuilt.evicted_ = std::move(evicted_);
  *this = std::move(rebuilt);
}

}  // namespace systole
