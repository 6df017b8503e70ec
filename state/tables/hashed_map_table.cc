#include "state/tables/hashed_map_table.h"

#include "state/tables/entry_limits.h"
#include "state/tables/packed_map.h"

namespace systole {
namespace {

/// A packed map beyond this becomes a large_map: a walk over it would cost more than a search in a btree.
constexpr size_t packed_limit_bytes = 1024;

}  // namespace

hashed_map_table::hashed_map_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, state_tier& tier,
                                   table_shape shape)
    : shards_(groups, max_parallelism, entry_layout(0)), delta_(log, shape), tier_(tier) {}

uint32_t hashed_map_table::large_number(const std::byte* entry) const {
  uint32_t number = 0;
  std::memcpy(&number, layout().value(entry).data(), sizeof number);
  return number;
}

void hashed_map_table::mark_changed(std::byte* entry) {
  uint8_t& flags = layout().flags(entry);
  flags = static_cast<uint8_t>((flags & ~state_tier::mark_bits) | tier_.changed_mark() | entry_layout::referenced);
}

result<std::optional<std::string_view>> hashed_map_table::get(std::string_view key, uint64_t hash,
                                                              std::string_view subkey) {
  tier_.on_rows(*this, 1);
  entry_shard& shard = shards_.of(hash);
  SYSTOLE_ASSIGN(const uint32_t* const place, reach(shard, key, hash));
  if (place == nullptr) return std::optional<std::string_view>();
  const std::byte* entry = shard.at(*place);
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
  tier_.on_rows(*this, 1);
  entry_shard& shard = shards_.of(hash);
  if (shard.wants_compaction()) shard.compact(layout());
  SYSTOLE_ASSIGN(uint32_t* const place, reach(shard, key, hash));
  if (place == nullptr) {
    SYSTOLE_ASSIGN(const uint32_t offset, insert(shard, key, hash, subkey, value));
    shard.add_dirty(layout(), offset);
    return {};
  }
  const bool fresh = is_fresh(shard.at(*place));
  SYSTOLE_TRY(store(shard, place, subkey, value));
  if (!fresh) delta_.add({false, key, subkey, 0, value});
  return {};
}

result<uint32_t> hashed_map_table::add_key(entry_shard& shard, std::string_view key, uint64_t hash,
                                           std::string_view packed, uint8_t flags) {
  uint32_t offset = 0;
  const bool is_packed = packed.size() <= packed_limit_bytes;
  std::byte* entry = shard.insert(layout(), key, hash, flags, is_packed ? packed.size() : sizeof(uint32_t), offset);
  if (entry == nullptr) return shard_full();
  if (is_packed) {
    layout().set_value(entry, packed);
    return offset;
  }
  uint32_t* const place = shard.find_place(layout(), key, hash);
  SYSTOLE_TRY(make_large(shard, place, packed));
  return *place;
}

result<void> hashed_map_table::set_packed(entry_shard& shard, uint32_t* place, std::string_view packed) {
  std::byte* entry = shard.at(*place);
  if (packed.size() > packed_limit_bytes) return make_large(shard, place, packed);
  if (layout().capacity(entry) < packed.size()) {
    // One more of the same size fits without another move.
    const size_t grown = packed.size() - layout().value(entry).size();
    entry = shard.move(layout(), place, packed.size() + grown);
    if (entry == nullptr) return shard_full();
  }
  layout().set_value(entry, packed);
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
  const uint32_t number = large_number(entry);
  large_bytes_ -= large_[number]->memory_bytes();
  large_[number].reset();
  free_large_.push_back(number);
}

result<uint32_t> hashed_map_table::insert(entry_shard& shard, std::string_view key, uint64_t hash,
                                          std::string_view subkey, std::string_view value) {
  scratch_.clear();
  packed_map::append_entry(scratch_, subkey, value);
  ++entries_;
  return add_key(shard, key, hash, scratch_, tier_.changed_mark());
}

result<void> hashed_map_table::store(entry_shard& shard, uint32_t* place, std::string_view subkey,
                                     std::string_view value) {
  mark_changed(shard.at(*place));
  if (const std::byte* entry = shard.at(*place); is_large(entry)) {
    large_map& map = large_of(entry);
    large_bytes_ -= map.memory_bytes();
    if (map.put(subkey, value)) ++entries_;
    large_bytes_ += map.memory_bytes();
    return {};
  }
  bool replaced = false;
  packed_map::put(layout().value(shard.at(*place)), subkey, value, scratch_, replaced);
  if (!replaced) ++entries_;
  return set_packed(shard, place, scratch_);
}

result<void> hashed_map_table::erase(std::string_view key, uint64_t hash, std::string_view subkey) {
  tier_.on_rows(*this, 1);
  entry_shard& shard = shards_.of(hash);
  SYSTOLE_ASSIGN(uint32_t* const place, reach(shard, key, hash));
  if (place == nullptr) return {};
  const bool fresh = is_fresh(shard.at(*place));
  SYSTOLE_ASSIGN(const bool erased, remove(shard, place, hash, subkey));
  if (erased && !fresh) delta_.add({true, key, subkey, 0, {}});
  return {};
}

result<bool> hashed_map_table::remove(entry_shard& shard, uint32_t* place, uint64_t hash, std::string_view subkey) {
  std::byte* entry = shard.at(*place);
  if (is_large(entry)) {
    large_map& map = large_of(entry);
    large_bytes_ -= map.memory_bytes();
    const bool erased = map.erase(subkey);
    large_bytes_ += map.memory_bytes();
    if (!erased) return false;
    if (map.empty()) {
      drop_large(entry);
      layout().flags(entry) &= static_cast<uint8_t>(~entry_layout::large);
      layout().set_value(entry, {});
    }
  } else {
    const std::string_view packed = layout().value(entry);
    packed_map::entry at;
    if (!packed_map::lower_bound(packed, subkey, at) || at.subkey != subkey) return false;
    scratch_.assign(packed.substr(0, at.begin));
    scratch_.append(packed.substr(at.end));
    layout().set_value(entry, scratch_);
  }
  --entries_;
  mark_changed(entry);
  if (is_empty(entry) && (is_fresh(entry) || !needs_tombstone(shard))) shard.erase(layout(), place, hash);
  if (shard.wants_compaction()) shard.compact(layout());
  return true;
}

result<void> hashed_map_table::flush_changes() {
  for (size_t i = 0; i < shards_.count(); ++i) {
    shards_.at(i).take_dirty(layout(), tier_.changed_mark(), [&](const std::byte* entry) {
      const std::string_view key = layout().key(entry);
      scan_entry(entry, {}, {}, false, [&](std::string_view subkey, std::string_view value) {
        delta_.add({false, key, subkey, 0, value});
        return true;
      });
    });
  }
  delta_.flush();
  return {};
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

result<void> hashed_map_table::scan_key(std::string_view key, uint64_t hash, std::string_view from, std::string_view to,
                                        bool backwards, const visitor& visit) {
  tier_.on_rows(*this, 1);
  entry_shard& shard = shards_.of(hash);
  SYSTOLE_ASSIGN(const uint32_t* const place, reach(shard, key, hash));
  if (place != nullptr) scan_entry(shard.at(*place), from, to, backwards, visit);
  return {};
}

result<void> hashed_map_table::scan(std::string_view key, uint64_t hash, std::string_view from, std::string_view to,
                                    const visitor& visit) {
  return scan_key(key, hash, from, to, false, visit);
}

result<void> hashed_map_table::scan_backwards(std::string_view key, uint64_t hash, std::string_view from,
                                              std::string_view to, const visitor& visit) {
  return scan_key(key, hash, from, to, true, visit);
}

}  // namespace systole
