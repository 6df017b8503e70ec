// How a hashed_map_table erases what a predicate names.
#include "state/changes/record_order.h"
#include "state/tables/hashed_map_table.h"
#include "state/tables/packed_map.h"
#include "state/tiered/rocks_base.h"

namespace systole {

void hashed_map_table::erase_packed_if(entry_shard& shard, std::byte* entry, uint32_t offset,
                                       const entry_predicate& which) {
  const std::string_view key = layout().key(entry);
  const std::string_view packed = layout().value(entry);
  const bool fresh = is_fresh(entry);
  scratch_.clear();
  size_t erased = 0;
  packed_map::cursor walk(packed);
  for (packed_map::entry at; walk.next(at);) {
    if (!which(key, at.subkey, at.value)) {
      if (erased != 0) scratch_.append(packed.substr(at.begin, at.end - at.begin));
      continue;
    }
    if (erased++ == 0) scratch_.assign(packed.substr(0, at.begin));
    if (!fresh) delta_.add({true, key, at.subkey, 0, {}});
  }
  if (erased == 0) return;
  entries_ -= erased;
  if (scratch_.empty() && (fresh || !needs_tombstone(shard))) return shard.erase_at(layout(), offset);
  layout().set_value(entry, scratch_);
  mark_changed(entry);
}

result<void> hashed_map_table::erase_if(const entry_predicate& which) {
  struct named_entry {
    std::string key, subkey;
  };
  for (size_t i = 0; i < shards_.count(); ++i) {
    tier_.on_rows(*this, 1);
    entry_shard& shard = shards_.at(i);
    SYSTOLE_TRY(complete_partial(shard));
    std::vector<named_entry> elsewhere;  // in large maps, or only below
    shard.for_each_place(layout(), [&](uint32_t offset, std::byte* entry) {
      if (!is_large(entry)) return erase_packed_if(shard, entry, offset, which);
      const std::string_view key = layout().key(entry);
      large_of(entry).scan({}, {}, [&](std::string_view subkey, std::string_view value) {
        if (which(key, subkey, value)) elsewhere.push_back({std::string(key), std::string(subkey)});
        return true;
      });
    });
    if (shard.wants_compaction()) shard.compact(layout());
    if (shard.anything_below()) {
      std::string prefix;
      append_state_key_prefix(prefix, shards_.group(i), delta_.table().number);
      base_cursor cursor = tier_.base()->cursor();
      SYSTOLE_TRY(scan_base(cursor, prefix, table_kind::map, [&](const delta_record& record) {
        if (shard.find_place(layout(), record.key, hash_key(record.key)) != nullptr) return true;
        if (which(record.key, record.subkey, record.value)) {
          elsewhere.push_back({std::string(record.key), std::string(record.subkey)});
        }
        return true;
      }));
    }
    for (const named_entry& each : elsewhere) SYSTOLE_TRY(erase(each.key, hash_key(each.key), each.subkey));
  }
  return {};
}

}  // namespace systole
