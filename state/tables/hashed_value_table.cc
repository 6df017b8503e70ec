#include "state/tables/hashed_value_table.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <vector>

#include "base/limits.h"
#include "state/changes/record_order.h"
#include "state/tables/entry_limits.h"
#include "state/tiered/rocks_base.h"

namespace systole {

hashed_value_table::hashed_value_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, state_tier& tier,
                                       table_shape shape)
    : shards_(groups, max_parallelism, entry_layout(shape.fixed_value_bytes)), delta_(log, shape), tier_(tier) {}

result<void> hashed_value_table::find(const encoded_keys& keys, std::span<const uint32_t> rows,
                                      std::span<state_entry> out) {
  return find_rows<access::read>(keys, rows, out);
}
result<void> hashed_value_table::find_for_update(const encoded_keys& keys, std::span<const uint32_t> rows,
                                                 std::span<state_entry> out) {
  return find_rows<access::update>(keys, rows, out);
}
result<void> hashed_value_table::find_or_insert(const encoded_keys& keys, std::span<const uint32_t> rows,
                                                std::span<state_entry> out) {
  return find_rows<access::insert>(keys, rows, out);
}

// Cache misses are what this costs with millions of keys, so a block of rows goes through three passes: fetch the index
// lines; fetch the entries they lead to; compare and insert.
template <hashed_value_table::access Access>
result<void> hashed_value_table::find_rows(const encoded_keys& keys, std::span<const uint32_t> rows,
                                           std::span<state_entry> out) {
  constexpr size_t block = 32;
  const size_t count = rows.empty() ? keys.size() : rows.size();
  assert(out.size() >= count);
  tier_.on_rows(*this, count);
  const uint64_t* const hashes = keys.hashes().data();
  std::array<entry_shard*, block> shards;
  for (size_t begin = 0; begin < count; begin += block) {
    const size_t end = std::min(begin + block, count);
    const auto row_at = [&](size_t i) { return rows.empty() ? i : rows[i]; };
    for (size_t i = begin; i < end; ++i) {
      const uint64_t hash = hashes[row_at(i)];
      entry_shard& shard = shards_.of(hash);
      shards[i - begin] = &shard;
      shard.prefetch(hash);
    }
    for (size_t i = begin; i < end; ++i) shards[i - begin]->prefetch_entry(hashes[row_at(i)]);
    for (size_t i = begin; i < end; ++i) {
      const size_t row = row_at(i);
      out[i] = find_one<Access>(*shards[i - begin], keys.key(row), hashes[row]);
      if (out[i].value == nullptr && out[i].inserted) [[unlikely]] return *refusal_;
    }
  }
  return {};
}

template <hashed_value_table::access Access>
state_entry hashed_value_table::find_one(entry_shard& shard, std::string_view key, uint64_t hash) {
  uint32_t* place = shard.find_place(layout(), key, hash);
  if (place == nullptr && shard.may_be_below(hash)) [[unlikely]] {
    auto fetched = fetch(shard, key, hash);
    if (!fetched) return refuse(std::move(fetched).error());
    place = *fetched;
  }
  if (place == nullptr) {
    if constexpr (Access == access::insert) return insert(shard, key, hash);
    return {};
  }
  std::byte* entry = shard.at(*place);
  uint8_t& flags = layout().flags(entry);
  if ((flags & entry_layout::tombstone) != 0) [[unlikely]] {
    if constexpr (Access != access::insert) return {};
    revive(shard, place);
    return {layout().value_address(entry), true};
  }
  if ((flags & entry_layout::referenced) == 0) flags |= entry_layout::referenced;
  if constexpr (Access != access::read) {
    if (layout().fixed()) shard.add_dirty(layout(), *place);
  }
  return {layout().value_address(entry), false};
}

state_entry hashed_value_table::refuse(failure why) {
  refusal_ = std::move(why);
  return {nullptr, true};
}

state_entry hashed_value_table::insert(entry_shard& shard, std::string_view key, uint64_t hash) {
  if (key.size() >= limits::state_key_bytes) return refuse(entry_too_large(key, {}));
  uint32_t offset = 0;
  std::byte* entry = shard.insert(layout(), key, hash, tier_.changed_mark(), 0, offset);
  if (entry == nullptr) return refuse(shard_full());
  ++size_;
  if (layout().fixed()) {
    shard.add_dirty(layout(), offset);
  } else {
    delta_.put(key, {});
  }
  return {layout().value_address(entry), true};
}

void hashed_value_table::mark_changed(std::byte* entry) {
  uint8_t& flags = layout().flags(entry);
  flags = static_cast<uint8_t>((flags & ~state_tier::mark_bits) | tier_.changed_mark());
}

void hashed_value_table::revive(entry_shard& shard, uint32_t* place) {
  std::byte* entry = shard.at(*place);
  layout().flags(entry) &= static_cast<uint8_t>(~entry_layout::tombstone);
  ++size_;
  if (layout().fixed()) {
    std::memset(entry, 0, layout().fixed_bytes());
    shard.add_dirty(layout(), *place);
  } else {
    layout().set_value(entry, {});
    mark_changed(entry);
    delta_.put(layout().key(entry), {});
  }
}

result<uint32_t*> hashed_value_table::fetch(entry_shard& shard, std::string_view key, uint64_t hash) {
  std::string base_key;
  delta_record record;
  record.key = key;
  append_state_key(base_key, shards_.group(shards_.index_of(hash)), delta_.table(), record);
  SYSTOLE_ASSIGN(const bool there, tier_.base()->get(base_key, fetched_));
  if (!there) return static_cast<uint32_t*>(nullptr);
  if (layout().fixed() && fetched_.size() != layout().fixed_bytes()) {
    return fail(error_code::corrupt, "a value in the state's RocksDB has a wrong size: restore an older epoch with --rewind");
  }
  if (shard.loading()) ++size_;
  SYSTOLE_ASSIGN(const uint32_t offset, store(shard, nullptr, key, hash, fetched_));
  layout().flags(shard.at(offset)) = tier_.clean_mark();
  return shard.find_place(layout(), key, hash);
}

result<uint32_t*> hashed_value_table::reach(entry_shard& shard, std::string_view key, uint64_t hash) {
  uint32_t* place = shard.find_place(layout(), key, hash);
  if (place != nullptr || !shard.may_be_below(hash)) return place;
  return fetch(shard, key, hash);
}

result<std::optional<std::string_view>> hashed_value_table::get(std::string_view key, uint64_t hash) {
  tier_.on_rows(*this, 1);
  entry_shard& shard = shards_.of(hash);
  SYSTOLE_ASSIGN(const uint32_t* const place, reach(shard, key, hash));
  if (place == nullptr || !is_live(shard.at(*place))) return std::optional<std::string_view>();
  std::byte* entry = shard.at(*place);
  layout().flags(entry) |= entry_layout::referenced;
  return std::optional(layout().value(entry));
}

result<uint32_t> hashed_value_table::store(entry_shard& shard, uint32_t* place, std::string_view key, uint64_t hash,
                                           std::string_view value) {
  assert(!layout().fixed() || value.size() == layout().fixed_bytes());
  uint32_t offset = 0;
  std::byte* entry = nullptr;
  if (place == nullptr) {
    entry = shard.insert(layout(), key, hash, tier_.changed_mark(), layout().fixed() ? 0 : value.size(), offset);
  } else {
    entry = shard.at(*place);
    if (!layout().fixed() && layout().capacity(entry) < value.size()) {
      // A value that grew once may grow again: leave room for an eighth more.
      entry = shard.move(layout(), place, value.size() + value.size() / 8);
    }
    offset = *place;
  }
  if (entry == nullptr) return shard_full();
  if (layout().fixed()) {
    std::memcpy(entry, value.data(), value.size());
  } else {
    layout().set_value(entry, value);
  }
  return offset;
}

result<void> hashed_value_table::put(std::string_view key, uint64_t hash, std::string_view value) {
  SYSTOLE_TRY(check_entry_sizes(key, value));
  tier_.on_rows(*this, 1);
  entry_shard& shard = shards_.of(hash);
  if (shard.wants_compaction()) shard.compact(layout());
  SYSTOLE_ASSIGN(uint32_t* const place, reach(shard, key, hash));
  const bool is_new = place == nullptr || !is_live(shard.at(*place));
  SYSTOLE_ASSIGN(const uint32_t offset, store(shard, place, key, hash, value));
  std::byte* entry = shard.at(offset);
  if (!is_new) {
    shard.add_dirty(layout(), offset);
    layout().flags(entry) |= entry_layout::referenced;
    return {};
  }
  ++size_;
  layout().flags(entry) &= static_cast<uint8_t>(~entry_layout::tombstone);
  mark_changed(entry);
  delta_.put(key, value);
  return {};
}

result<void> hashed_value_table::erase(std::string_view key, uint64_t hash) {
  tier_.on_rows(*this, 1);
  entry_shard& shard = shards_.of(hash);
  SYSTOLE_ASSIGN(uint32_t* const place, reach(shard, key, hash));
  if (place == nullptr || !is_live(shard.at(*place))) return {};
  delta_.erase(key);
  --size_;
  if (tier_.keeps_tombstones() || shard.anything_below()) {
    bury(shard, place);
  } else {
    shard.erase(layout(), place, hash);
  }
  if (shard.wants_compaction()) shard.compact(layout());
  return {};
}

void hashed_value_table::bury(entry_shard& shard, uint32_t* place) {
  std::byte* entry = shard.at(*place);
  layout().flags(entry) |= entry_layout::tombstone;
  mark_changed(entry);
  constexpr size_t worth_freeing_bytes = 64;
  if (!layout().fixed() && layout().capacity(entry) > worth_freeing_bytes) {
    shard.move(layout(), place, 0);  // where the shard is full, the tombstone keeps its value's memory
  }
}

result<void> hashed_value_table::for_each(const std::function<bool(std::string_view, std::string_view)>& visit) {
  bool more = true;
  for (size_t i = 0; i < shards_.count() && more; ++i) {
    entry_shard& shard = shards_.at(i);
    shard.for_each(layout(), [&](const std::byte* entry) {
      if (more && is_live(entry)) more = visit(layout().key(entry), layout().value(entry));
    });
    if (!more || !shard.anything_below()) continue;
    std::string prefix;
    append_state_key_prefix(prefix, shards_.group(i), delta_.table().number);
    base_cursor cursor = tier_.base()->cursor();
    SYSTOLE_TRY(scan_base(cursor, prefix, table_kind::values, [&](const delta_record& record) {
      if (shard.find_place(layout(), record.key, hash_key(record.key)) != nullptr) return true;
      return more = visit(record.key, record.value);
    }));
  }
  return {};
}

result<void> hashed_value_table::restore(const delta_record& record) {
  const uint64_t hash = hash_key(record.key);
  if (!shards_.owns(hash)) return {};
  entry_shard& shard = shards_.of(hash);
  if (shard.wants_compaction()) shard.compact(layout());
  uint32_t* place = shard.find_place(layout(), record.key, hash);
  const bool was_live = place != nullptr && is_live(shard.at(*place));
  if (record.erased) {
    if (was_live) --size_;
    if (!shard.anything_below()) {
      if (place != nullptr) shard.erase(layout(), place, hash);
      return {};
    }
    if (place == nullptr) {
      uint32_t offset = 0;
      if (shard.insert(layout(), record.key, hash, 0, 0, offset) == nullptr) return shard_full();
      place = shard.find_place(layout(), record.key, hash);
    }
    bury(shard, place);
    return {};
  }
  SYSTOLE_ASSIGN(const uint32_t offset, store(shard, place, record.key, hash, record.value));
  layout().flags(shard.at(offset)) &= static_cast<uint8_t>(~entry_layout::tombstone);
  mark_changed(shard.at(offset));
  if (!was_live) ++size_;
  return {};
}

result<void> hashed_value_table::flush_changes() {
  for (size_t i = 0; i < shards_.count(); ++i) {
    shards_.at(i).take_dirty(layout(), tier_.changed_mark(), [&](const std::byte* entry) {
      if (is_live(entry)) delta_.put(layout().key(entry), layout().value(entry));
    });
  }
  delta_.flush();
  return {};
}

result<void> hashed_value_table::begin_loading() {
  for (size_t i = 0; i < shards_.count(); ++i) shards_.at(i).set_loading(true);
  return {};
}

result<void> hashed_value_table::load(size_t group_index, const delta_record& record, bool keep) {
  entry_shard& shard = shards_.at(group_index);
  const uint64_t hash = hash_key(record.key);
  if (shard.find_place(layout(), record.key, hash) != nullptr) return {};
  ++size_;
  if (!keep) {
    shard.add_evicted(hash);
    return {};
  }
  SYSTOLE_ASSIGN(const uint32_t offset, store(shard, nullptr, record.key, hash, record.value));
  layout().flags(shard.at(offset)) = tier_.clean_mark();
  return {};
}

bool hashed_value_table::is_clean(const std::byte* entry) const {
  const uint8_t flags = layout().flags(entry);
  if ((flags & entry_layout::dirty) != 0) return false;
  return (flags & state_tier::mark_bits) != tier_.changed_mark();
}

// A clock over each shard's entries: what was used since the last round stays for another one. A shard is rewritten without
// what goes, which frees what garbage there was too.
void hashed_value_table::evict(uint64_t target_bytes) {
  uint64_t bytes = memory_bytes();
  for (size_t step = 0; step < 2 * shards_.count() && bytes > target_bytes; ++step) {
    entry_shard& shard = shards_.at(next_evicted_);
    next_evicted_ = (next_evicted_ + 1) % shards_.count();
    if (shard.loading()) continue;
    bytes -= shard.memory_bytes();
    std::vector<uint64_t> evicted;
    shard.compact(layout(), [&](std::byte* entry, uint64_t hash) {
      if (!is_clean(entry)) return true;
      uint8_t& flags = layout().flags(entry);
      if (!is_live(entry)) return false;
      if ((flags & entry_layout::referenced) != 0) {
        flags = static_cast<uint8_t>((flags & ~(entry_layout::referenced | state_tier::mark_bits)) | tier_.clean_mark());
        return true;
      }
      evicted.push_back(hash);
      return false;
    });
    for (const uint64_t hash : evicted) shard.add_evicted(hash);
    bytes += shard.memory_bytes();
  }
}

}  // namespace systole
