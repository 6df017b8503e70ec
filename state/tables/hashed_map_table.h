#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "state/changes/delta_log.h"
#include "state/keyed_state.h"
#include "state/state_table.h"
#include "state/tables/entry_shards.h"
#include "state/tables/large_map.h"
#include "state/tables/state_tier.h"

namespace systole {

/// A map_table in hash tables: a key's entries are a packed_map in its entry, or a large_map beside it; a key is here with all
/// its subkeys or not at all. Puts and erasures go to the delta log at once, except those of keys
/// that are new since the last flush_changes(). Task's thread only.
class hashed_map_table final : public map_table, public state_table {
 public:
  hashed_map_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, state_tier& tier, table_shape shape);

  result<std::optional<std::string_view>> get(std::string_view key, uint64_t hash, std::string_view subkey) override;
  result<void> put(std::string_view key, uint64_t hash, std::string_view subkey, std::string_view value) override;
  result<void> erase(std::string_view key, uint64_t hash, std::string_view subkey) override;
  result<void> scan(std::string_view key, uint64_t hash, std::string_view from, std::string_view to,
                    const visitor& visit) override;
  result<void> scan_backwards(std::string_view key, uint64_t hash, std::string_view from, std::string_view to,
                              const visitor& visit) override;
  void prefetch(const encoded_keys& keys) override { shards_.prefetch(keys); }
  result<void> for_each(
      const std::function<bool(std::string_view, std::string_view, std::string_view)>& visit) override;
  result<void> erase_if(
      const std::function<bool(std::string_view, std::string_view, std::string_view)>& which) override;
  uint64_t size() const override { return entries_; }

  result<void> restore(const delta_record& record) override;
  result<void> flush_changes() override;
  void flush_logged() override { delta_.flush(); }
  uint64_t memory_bytes() const override { return shards_.memory_bytes() + large_bytes_ + delta_.memory_bytes(); }
  result<void> begin_loading() override;
  result<void> load(size_t group_index, const delta_record& record, bool keep) override;
  void finish_group(size_t group_index) override;
  void evict(uint64_t target_bytes) override;

 private:
  const entry_layout& layout() const { return shards_.layout(); }
  bool has(const std::byte* entry, uint8_t flag) const { return (layout().flags(entry) & flag) != 0; }
  bool is_large(const std::byte* entry) const { return has(entry, entry_layout::large); }
  /// A key without entries, kept because the base may hold some.
  bool is_empty(const std::byte* entry) const { return !is_large(entry) && layout().value(entry).empty(); }
  /// Put since the last flush_changes(), of a key that neither the base nor the delta log has: it is logged only then, and not
  /// at all when it is gone by then.
  bool is_fresh(const std::byte* entry) const { return has(entry, entry_layout::dirty); }
  uint32_t large_number(const std::byte* entry) const;
  large_map& large_of(const std::byte* entry) const { return *large_[large_number(entry)]; }

  /// Where the key is with all its subkeys, here or brought up from the base; nullptr where it is nowhere.
  result<uint32_t*> reach(entry_shard& shard, std::string_view key, uint64_t hash);
  result<std::string> read_below(std::string_view key, uint64_t hash) const;
  result<void> complete(entry_shard& shard, uint32_t* place, std::string_view below);
  /// Makes an entry of a key that is not here; returns its offset.
  result<uint32_t> add_key(entry_shard& shard, std::string_view key, uint64_t hash, std::string_view packed, uint8_t flags);
  result<void> set_packed(entry_shard& shard, uint32_t* place, std::string_view packed);
  result<void> make_large(entry_shard& shard, uint32_t* place, std::string_view packed);
  void drop_large(const std::byte* entry);

  /// Of a key that is not here; returns the entry's offset.
  result<uint32_t> insert(entry_shard& shard, std::string_view key, uint64_t hash, std::string_view subkey,
                          std::string_view value);
  result<void> store(entry_shard& shard, uint32_t* place, std::string_view subkey, std::string_view value);
  /// True where the subkey was there.
  result<bool> remove(entry_shard& shard, uint32_t* place, uint64_t hash, std::string_view subkey);
  void mark_changed(std::byte* entry);
  using entry_predicate = std::function<bool(std::string_view key, std::string_view subkey, std::string_view value)>;
  /// Erases what of one entry's map `which` names; the arena's other entries stay where they are.
  void erase_packed_if(entry_shard& shard, std::byte* entry, uint32_t offset, const entry_predicate& which);
  result<void> complete_partial(entry_shard& shard);
  bool needs_tombstone(const entry_shard& shard) const { return tier_.keeps_tombstones() || shard.anything_below(); }
  bool scan_entry(const std::byte* entry, std::string_view from, std::string_view to, bool backwards,
                  const visitor& visit) const;
  result<void> scan_key(std::string_view key, uint64_t hash, std::string_view from, std::string_view to, bool backwards,
                        const visitor& visit);

  entry_shards shards_;
  table_delta delta_;
  state_tier& tier_;
  std::vector<std::unique_ptr<large_map>> large_;
  std::vector<uint32_t> free_large_;
  size_t large_bytes_ = 0;
  uint64_t entries_ = 0;
  size_t next_evicted_ = 0;
  std::string scratch_;
};

}  // namespace systole
