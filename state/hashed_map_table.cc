#include "state/hashed_map_table.h"

#include "state/entry_limits.h"
#include "state/packed_map.h"

namespace systole {
namespace {

/// A packed map beyond this becomes a large_map: a walk over it would cost more than a search in a btree.
constexpr size_t packed_limit_bytes = 1024;

}  // namespace

hashed_map_table::hashed_map_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, table_shape shape)
    : shards_(groups, max_parallelism, entry_layout(0)), delta_(log, shape) {}

large_map& hashed_map_table::large_of(const std::byte* entry) const {
  uint32_t number = 0;
  std::memcpy(&number, layout().value(entry).data(), sizeof number);
  return *large_[number];
}

result<std::optional<std::string_view>> hashed_map_table::get(std::string_view key, uint64_t hash,
                                                              std::string_view subkey) {
  const std::byte* entry = shards_.of(hash).find(layout(), key, hash);
  if (entry == nullptr) return std::optional<std::string_view>();
  if (is_large(entry)) return large_of(entry).get(subkey);
  packed_map::entry at;
  if (!packed_map::lower_bound(layout().value(entry), subkey, at) || at.subkey != subkey) {
    return std::optional<std::string_view>();
  }
  return std::optional(at.value);
}

result<void> hashed_map_table::put(std::string_view key, uint64_t hash, std::string_view subkey, std::string_view value) {
  SYSTOLE_TRY(check_entry_sizes(key, value));
  SYSTOLE_TRY(check_entry_sizes(subkey, {}));
  SYSTOLE_TRY(store(key, hash, subkey, value));
  delta_.add({false, key, subkey, 0, value});
  return {};
}

result<void> hashed_map_table::store(std::string_view key, uint64_t hash, std::string_view subkey, std::string_view value) {
  entry_shard& shard = shards_.of(hash);
  if (shard.wants_compaction()) shard.compact(layout());
  uint32_t* place = shard.find_place(layout(), key, hash);
  if (place != nullptr) return store_packed(shard, place, subkey, value);
  scratch_.clear();
  packed_map::append_entry(scratch_, subkey, value);
  uint32_t offset = 0;
  std::byte* entry = shard.insert(layout(), key, hash, 0, scratch_.size(), offset);
  if (entry == nullptr) return shard_full();
  layout().set_value(entry, scratch_);
  ++entries_;
  return {};
}

result<void> hashed_map_table::store_packed(entry_shard& shard, uint32_t* place, std::string_view subkey,
                                            std::string_view value) {
  std::byte* entry = shard.at(*place);
  if (is_large(entry)) {
    large_map& map = large_of(entry);
    large_bytes_ -= map.memory_bytes();
    if (map.put(subkey, value)) ++entries_;
    large_bytes_ += map.memory_bytes();
    return {};
  }
  bool replaced = false;
  packed_map::put(layout().value(entry), subkey, value, scratch_, replaced);
  if (!replaced) ++entries_;
  if (scratch_.size() > packed_limit_bytes) return make_large(shard, place, scratch_);
  if (layout().capacity(entry) < scratch_.size()) {
    // One more of the same size fits without another move.
    const size_t grown = scratch_.size() - layout().value(entry).size();
    entry = shard.move(layout(), place, scratch_.size() + grown);
    if (entry == nullptr) return shard_full();
  }
  layout().set_value(entry, scratch_);
  return {};
}

result<void> hashed_map_table::make_large(entry_shard& shard, uint32_t* place, std::string_view packed) {
  uint32_t number = static_cast<uint32_t>(large_.size());
  if (free_large_.empty()) {
    large_.emplace_back();
  } else {
    number = free_large_.back();
    free_large_.pop_back();
  }
  large_[number] = std::make_unique<large_map>(packed);
  large_bytes_ += large_[number]->memory_bytes();
  std::byte* entry = shard.at(*place);
  if (layout().capacity(entry) < sizeof number) entry = shard.move(layout(), place, sizeof number);
  if (entry == nullptr) return shard_full();
  layout().set_value(entry, {reinterpret_cast<const char*>(&number), sizeof number});
  layout().flags(entry) |= entry_layout::large;
  return {};
}

void hashed_map_table::drop_large(const std::byte* entry) {
  uint32_t number = 0;
  std::memcpy(&number, layout().value(entry).data(), sizeof number);
  large_bytes_ -= large_[number]->memory_bytes();
  large_[number].reset();
  free_large_.push_back(number);
}

result<void> hashed_map_table::erase(std::string_view key, uint64_t hash, std::string_view subkey) {
  if (remove(key, hash, subkey)) delta_.add({true, key, subkey, 0, {}});
  return {};
}

bool hashed_map_table::remove(std::string_view key, uint64_t hash, std::string_view subkey) {
  entry_shard& shard = shards_.of(hash);
  uint32_t* place = shard.find_place(layout(), key, hash);
  if (place == nullptr) return false;
  std::byte* entry = shard.at(*place);
  bool emptied = false;
  if (is_large(entry)) {
    large_map& map = large_of(entry);
    large_bytes_ -= map.memory_bytes();
    const bool erased = map.erase(subkey);
    large_bytes_ += map.memory_bytes();
    if (!erased) return false;
    emptied = map.empty();
    if (emptied) drop_large(entry);
  } else {
    const std::string_view packed = layout().value(entry);
    packed_map::entry at;
    if (!packed_map::lower_bound(packed, subkey, at) || at.subkey != subkey) return false;
    scratch_.assign(packed.substr(0, at.begin));
    scratch_.append(packed.substr(at.end));
    layout().set_value(entry, scratch_);
    emptied = scratch_.empty();
  }
  --entries_;
  if (emptied) shard.erase(layout(), place, hash);
  if (shard.wants_compaction()) shard.compact(layout());
  return true;
}

bool hashed_map_table::scan_entry(const std::byte* entry, std::string_view from, std::string_view to, bool backwards,
                                  const visitor& visit) const {
  if (is_large(entry)) {
    const large_map& map = large_of(entry);
    return backwards ? map.scan_backwards(from, to, visit) : map.scan(from, to, visit);
  }
  const std::string_view packed = layout().value(entry);
  return backwards ? scan_packed_backwards(packed, from, to, visit) : scan_packed(packed, from, to, visit);
}

result<void> hashed_map_table::scan(std::string_view key, uint64_t hash, std::string_view from, std::string_view to,
                                    const visitor& visit) {
  if (const std::byte* entry = shards_.of(hash).find(layout(), key, hash)) scan_entry(entry, from, to, false, visit);
  return {};
}

result<void> hashed_map_table::scan_backwards(std::string_view key, uint64_t hash, std::string_view from,
                                              std::string_view to, const visitor& visit) {
  if (const std::byte* entry = shards_.of(hash).find(layout(), key, hash)) scan_entry(entry, from, to, true, visit);
  return {};
}

result<void> hashed_map_table::for_each(
    const std::function<bool(std::string_view, std::string_view, std::string_view)>& visit) {
  bool more = true;
  for (size_t i = 0; i < shards_.count() && more; ++i) {
    shards_.at(i).for_each(layout(), [&](const std::byte* entry) {
      const std::string_view key = layout().key(entry);
      if (more) {
        more = scan_entry(entry, {}, {}, false,
                          [&](std::string_view subkey, std::string_view value) { return visit(key, subkey, value); });
      }
    });
  }
  return {};
}

result<void> hashed_map_table::restore(const delta_record& record) {
  const uint64_t hash = hash_key(record.key);
  if (!shards_.owns(hash)) return {};
  if (!record.erased) return store(record.key, hash, record.subkey, record.value);
  remove(record.key, hash, record.subkey);
  return {};
}

}  // namespace systole
