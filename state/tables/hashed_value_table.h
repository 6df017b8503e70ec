#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "state/changes/delta_log.h"
#include "state/keyed_state.h"
#include "state/state_table.h"
#include "state/tables/entry_shards.h"
#include "state/tables/state_tier.h"

namespace systole {

/// A value_table in hash tables. An entry made with an empty value, and a new key's first put, go to the delta log at once;
/// what changes in place is put on a dirty list and copied at the barrier, so that many changes of a key cost one copy.
/// A key that is not here is read from the base where its shard says that it may be there. Task's thread only.
class hashed_value_table final : public value_table, public state_table {
 public:
  hashed_value_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, state_tier& tier, table_shape shape);

  result<void> find(const encoded_keys& keys, std::span<const uint32_t> rows, std::span<state_entry> out) override;
  result<void> find_for_update(const encoded_keys& keys, std::span<const uint32_t> rows,
                               std::span<state_entry> out) override;
  result<void> find_or_insert(const encoded_keys& keys, std::span<const uint32_t> rows,
                              std::span<state_entry> out) override;
  result<std::optional<std::string_view>> get(std::string_view key, uint64_t hash) override;
  result<void> put(std::string_view key, uint64_t hash, std::string_view value) override;
  result<void> erase(std::string_view key, uint64_t hash) override;
  void prefetch(const encoded_keys& keys) override { shards_.prefetch(keys); }
  result<void> for_each(const std::function<bool(std::string_view, std::string_view)>& visit) override;
  uint64_t size() const override { return size_; }

  result<void> restore(const delta_record& record) override;
  result<void> flush_changes() override;
  void flush_logged() override { delta_.flush(); }
  uint64_t memory_bytes() const override { return shards_.memory_bytes() + delta_.memory_bytes(); }
  result<void> begin_loading() override;
  result<void> load(size_t group_index, const delta_record& record, bool keep) override;
  void finish_group(size_t group_index) override { shards_.at(group_index).set_loading(false); }
  void evict(uint64_t target_bytes) override;

 private:
  enum class access { read, update, insert };
  template <access Access>
  result<void> find_rows(const encoded_keys& keys, std::span<const uint32_t> rows, std::span<state_entry> out);
  /// {nullptr, true} where refusal_ says why the key cannot be taken in or read.
  template <access Access>
  state_entry find_one(entry_shard& shard, std::string_view key, uint64_t hash);
  state_entry insert(entry_shard& shard, std::string_view key, uint64_t hash);
  state_entry refuse(failure why);
  /// Makes an entry of a tombstone, with an empty or zero value.
  void revive(entry_shard& shard, uint32_t* place);
  /// Brings a key up from the base; nullptr where it is not there either.
  result<uint32_t*> fetch(entry_shard& shard, std::string_view key, uint64_t hash);
  /// Where the key is, here or brought up; it may be a tombstone. nullptr where it is nowhere.
  result<uint32_t*> reach(entry_shard& shard, std::string_view key, uint64_t hash);
  /// Writes the value of the entry at `place`, or of a new one where that is nullptr; gives its offset.
  result<uint32_t> store(entry_shard& shard, uint32_t* place, std::string_view key, uint64_t hash, std::string_view value);
  bool is_live(const std::byte* entry) const { return (layout().flags(entry) & entry_layout::tombstone) == 0; }
  bool is_clean(const std::byte* entry) const;
  void mark_changed(std::byte* entry);
  void bury(entry_shard& shard, uint32_t* place);
  const entry_layout& layout() const { return shards_.layout(); }

  entry_shards shards_;
  table_delta delta_;
  state_tier& tier_;
  uint64_t size_ = 0;
  size_t next_evicted_ = 0;
  std::optional<failure> refusal_;
  std::string fetched_;
};

}  // namespace systole
