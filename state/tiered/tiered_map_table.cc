// What hashed_map_table does with the base below it: reading keys up, restoring over it, evicting down to it.
#include "state/changes/record_order.h"
#include "state/tables/entry_limits.h"
#include "state/tables/hashed_map_table.h"
#include "state/tables/packed_map.h"
#include "state/tiered/rocks_base.h"

namespace systole {
namespace {

constexpr size_t partial_limit_bytes = 1024;

}  // namespace

result<std::string> hashed_map_table::read_below(std::string_view key, uint64_t hash) const {
  std::string prefix;
  delta_record first;
  first.key = key;
  append_state_key(prefix, shards_.group(shards_.index_of(hash)), delta_.table(), first);
  std::string packed;
  base_cursor cursor = tier_.base()->cursor();
  SYSTOLE_TRY(scan_base(cursor, prefix, table_kind::map, [&](const delta_record& record) {
    packed_map::append_entry(packed, record.subkey, record.value);
    return true;
  }));
  return packed;
}

result<uint32_t*> hashed_map_table::reach(entry_shard& shard, std::string_view key, uint64_t hash) {
  uint32_t* place = shard.find_place(layout(), key, hash);
  if (place != nullptr) {
    uint8_t& flags = layout().flags(shard.at(*place));
    flags |= entry_layout::referenced;
    if ((flags & entry_layout::partial) == 0) [[likely]] return place;
    SYSTOLE_ASSIGN(const std::string below, read_below(key, hash));
    SYSTOLE_TRY(complete(shard, place, below));
    return place;
  }
  if (!shard.may_be_below(hash)) return static_cast<uint32_t*>(nullptr);
  SYSTOLE_ASSIGN(const std::string below, read_below(key, hash));
  if (below.empty()) return static_cast<uint32_t*>(nullptr);
  if (shard.loading()) entries_ += packed_map::count(below);
  SYSTOLE_ASSIGN([[maybe_unused]] const uint32_t offset, add_key(shard, key, hash, below, tier_.clean_mark()));
  return shard.find_place(layout(), key, hash);
}

result<void> hashed_map_table::complete(entry_shard& shard, uint32_t* place, std::string_view below) {
  const std::string packed = packed_map::overlay(below, layout().value(shard.at(*place)));
  entries_ += packed_map::count(packed);
  layout().flags(shard.at(*place)) &= static_cast<uint8_t>(~entry_layout::partial);
  return set_packed(shard, place, packed);
}

result<void> hashed_map_table::restore(const delta_record& record) {
  const uint64_t hash = hash_key(record.key);
  if (!shards_.owns(hash)) return {};
  entry_shard& shard = shards_.of(hash);
  if (shard.wants_compaction()) shard.compact(layout());
  uint32_t* place = shard.find_place(layout(), record.key, hash);
  const bool unseen = place == nullptr && shard.anything_below();
  if (!unseen && (place == nullptr || !has(shard.at(*place), entry_layout::partial))) {
    if (!record.erased && place != nullptr) return store(shard, place, record.subkey, record.value);
    if (!record.erased) {
      SYSTOLE_ASSIGN([[maybe_unused]] const uint32_t offset, insert(shard, record.key, hash, record.subkey, record.value));
      return {};
    }
    if (place == nullptr) return {};
    SYSTOLE_ASSIGN([[maybe_unused]] const bool erased, remove(shard, place, hash, record.subkey));
    return {};
  }
  bool replaced = false;
  const std::string_view changes = place == nullptr ? std::string_view() : layout().value(shard.at(*place));
  packed_map::put(changes, record.subkey, record.value, scratch_, replaced, record.erased);
  if (place == nullptr) {
    uint32_t offset = 0;
    const auto flags = static_cast<uint8_t>(tier_.changed_mark() | entry_layout::partial);
    std::byte* entry = shard.insert(layout(), record.key, hash, flags, scratch_.size(), offset);
    if (entry == nullptr) return shard_full();
    layout().set_value(entry, scratch_);
    place = shard.find_place(layout(), record.key, hash);
  } else if (layout().capacity(shard.at(*place)) < scratch_.size()) {
    std::byte* entry = shard.move(layout(), place, scratch_.size() + scratch_.size() / 2);
    if (entry == nullptr) return shard_full();
    layout().set_value(entry, scratch_);
  } else {
    layout().set_value(shard.at(*place), scratch_);
  }
  if (scratch_.size() <= partial_limit_bytes) return {};
  SYSTOLE_ASSIGN(const std::string below, read_below(record.key, hash));
  return complete(shard, place, below);
}

result<void> hashed_map_table::begin_loading() {
  for (size_t i = 0; i < shards_.count(); ++i) shards_.at(i).set_loading(true);
  return {};
}

result<void> hashed_map_table::load(size_t group_index, const delta_record& record, bool keep) {
  entry_shard& shard = shards_.at(group_index);
  const uint64_t hash = hash_key(record.key);
  if (uint32_t* place = shard.find_place(layout(), record.key, hash)) {
    if (!has(shard.at(*place), entry_layout::partial)) return {};
    return complete(shard, place, record.value);
  }
  entries_ += packed_map::count(record.value);
  if (!keep) {
    shard.add_evicted(hash);
    return {};
  }
  SYSTOLE_ASSIGN([[maybe_unused]] const uint32_t offset,
                 add_key(shard, record.key, hash, record.value, tier_.clean_mark()));
  return {};
}

void hashed_map_table::finish_group(size_t group_index) {
  entry_shard& shard = shards_.at(group_index);
  std::vector<std::string> partial;
  shard.for_each(layout(), [&](const std::byte* entry) {
    if (has(entry, entry_layout::partial)) partial.emplace_back(layout().key(entry));
  });
  // The base has none of these keys, so that their changes are all there is.
  for (const std::string& key : partial) {
    const result<void> completed = complete(shard, shard.find_place(layout(), key, hash_key(key)), {});
    if (!completed) return;  // the shard is full: its keys stay partial and are completed when they are used
  }
  shard.set_loading(false);
}

result<void> hashed_map_table::complete_partial(entry_shard& shard) {
  if (!shard.loading()) return {};
  std::vector<std::string> partial;
  shard.for_each(layout(), [&](const std::byte* entry) {
    if (has(entry, entry_layout::partial)) partial.emplace_back(layout().key(entry));
  });
  for (const std::string& key : partial) {
    SYSTOLE_ASSIGN([[maybe_unused]] const uint32_t* const place, reach(shard, key, hash_key(key)));
  }
  return {};
}

result<void> hashed_map_table::for_each(
    const std::function<bool(std::string_view, std::string_view, std::string_view)>& visit) {
  bool more = true;
  for (size_t i = 0; i < shards_.count() && more; ++i) {
    entry_shard& shard = shards_.at(i);
    SYSTOLE_TRY(complete_partial(shard));
    shard.for_each(layout(), [&](const std::byte* entry) {
      if (!more) return;
      const std::string_view key = layout().key(entry);
      more = scan_entry(entry, {}, {}, false,
                        [&](std::string_view subkey, std::string_view value) { return visit(key, subkey, value); });
    });
    if (!more || !shard.anything_below()) continue;
    std::string prefix;
    append_state_key_prefix(prefix, shards_.group(i), delta_.table().number);
    base_cursor cursor = tier_.base()->cursor();
    SYSTOLE_TRY(scan_base(cursor, prefix, table_kind::map, [&](const delta_record& record) {
      if (shard.find_place(layout(), record.key, hash_key(record.key)) != nullptr) return true;
      return more = visit(record.key, record.subkey, record.value);
    }));
  }
  return {};
}

void hashed_map_table::evict(uint64_t target_bytes) {
  uint64_t bytes = memory_bytes();
  for (size_t step = 0; step < 2 * shards_.count() && bytes > target_bytes; ++step) {
    entry_shard& shard = shards_.at(next_evicted_);
    next_evicted_ = (next_evicted_ + 1) % shards_.count();
    if (shard.loading()) continue;
    bytes -= shard.memory_bytes() + large_bytes_;
    std::vector<uint64_t> evicted;
    shard.compact(layout(), [&](std::byte* entry, uint64_t hash) {
      uint8_t& flags = layout().flags(entry);
      const bool unwritten = (flags & (entry_layout::partial | entry_layout::dirty)) != 0;
      if (unwritten || (flags & state_tier::mark_bits) == tier_.changed_mark()) return true;
      if (is_empty(entry)) return false;
      if ((flags & entry_layout::referenced) != 0) {
        flags = static_cast<uint8_t>((flags & ~(entry_layout::referenced | state_tier::mark_bits)) | tier_.clean_mark());
        return true;
      }
      if (is_large(entry)) drop_large(entry);
      evicted.push_back(hash);
      return false;
    });
    for (const uint64_t hash : evicted) shard.add_evicted(hash);
    bytes += shard.memory_bytes() + large_bytes_;
  }
}

}  // namespace systole
