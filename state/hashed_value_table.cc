#include "state/hashed_value_table.h"

#include <array>
#include <cassert>

#include "base/limits.h"
#include "state/entry_limits.h"

namespace systole {
namespace {

failure refusal(std::string_view key) {
  if (auto sizes = check_entry_sizes(key, {}); !sizes) return std::move(sizes).error();
  return shard_full();
}

}  // namespace

hashed_value_table::hashed_value_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, table_shape shape)
    : shards_(groups, max_parallelism, entry_layout(shape.fixed_value_bytes)), delta_(log, shape) {}

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
      if (out[i].value == nullptr && out[i].inserted) [[unlikely]] return refusal(keys.key(row));
    }
  }
  return {};
}

template <hashed_value_table::access Access>
state_entry hashed_value_table::find_one(entry_shard& shard, std::string_view key, uint64_t hash) {
  const uint32_t* place = shard.find_place(layout(), key, hash);
  if (place == nullptr) {
    if constexpr (Access == access::insert) return insert(shard, key, hash);
    return state_entry{};
  }
  if constexpr (Access != access::read) {
    if (layout().fixed()) shard.add_dirty(layout(), *place);
  }
  return state_entry{layout().value_address(shard.at(*place)), false};
}

state_entry hashed_value_table::insert(entry_shard& shard, std::string_view key, uint64_t hash) {
  uint32_t offset = 0;
  std::byte* entry = nullptr;
  if (key.size() < limits::state_key_bytes) entry = shard.insert(layout(), key, hash, 0, 0, offset);
  if (entry == nullptr) return {nullptr, true};
  if (layout().fixed()) {
    shard.add_dirty(layout(), offset);
  } else {
    delta_.put(key, {});
  }
  return {layout().value_address(entry), true};
}

result<std::optional<std::string_view>> hashed_value_table::get(std::string_view key, uint64_t hash) {
  const std::byte* entry = shards_.of(hash).find(layout(), key, hash);
  if (entry == nullptr) return std::optional<std::string_view>();
  return std::optional(layout().value(entry));
}

result<uint32_t> hashed_value_table::store(entry_shard& shard, std::string_view key, uint64_t hash, std::string_view value,
                                           bool& inserted) {
  assert(!layout().fixed() || value.size() == layout().fixed_bytes());
  uint32_t* place = shard.find_place(layout(), key, hash);
  inserted = place == nullptr;
  uint32_t offset = 0;
  std::byte* entry = nullptr;
  if (inserted) {
    entry = shard.insert(layout(), key, hash, 0, layout().fixed() ? 0 : value.size(), offset);
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
  entry_shard& shard = shards_.of(hash);
  if (shard.wants_compaction()) shard.compact(layout());
  bool inserted = false;
  SYSTOLE_ASSIGN(const uint32_t offset, store(shard, key, hash, value, inserted));
  if (inserted) {
    delta_.put(key, value);
  } else {
    shard.add_dirty(layout(), offset);
  }
  return {};
}

result<void> hashed_value_table::erase(std::string_view key, uint64_t hash) {
  entry_shard& shard = shards_.of(hash);
  uint32_t* place = shard.find_place(layout(), key, hash);
  if (place == nullptr) return {};
  delta_.erase(key);
  shard.erase(layout(), place, hash);
  if (shard.wants_compaction()) shard.compact(layout());
  return {};
}

result<void> hashed_value_table::for_each(const std::function<bool(std::string_view, std::string_view)>& visit) {
  bool more = true;
  for (size_t i = 0; i < shards_.count() && more; ++i) {
    shards_.at(i).for_each(layout(), [&](const std::byte* entry) {
      if (more) more = visit(layout().key(entry), layout().value(entry));
    });
  }
  return {};
}

result<void> hashed_value_table::restore(const delta_record& record) {
  const uint64_t hash = hash_key(record.key);
  if (!shards_.owns(hash)) return {};
  entry_shard& shard = shards_.of(hash);
  if (shard.wants_compaction()) shard.compact(layout());
  if (record.erased) {
    if (uint32_t* place = shard.find_place(layout(), record.key, hash)) shard.erase(layout(), place, hash);
    return {};
  }
  bool inserted = false;
  SYSTOLE_ASSIGN([[maybe_unused]] const uint32_t offset, store(shard, record.key, hash, record.value, inserted));
  return {};
}

result<void> hashed_value_table::flush_changes() {
  for (size_t i = 0; i < shards_.count(); ++i) {
    shards_.at(i).take_dirty(layout(), [&](const std::byte* entry) { delta_.put(layout().key(entry), layout().value(entry)); });
  }
  delta_.flush();
  return {};
}

}  // namespace systole
