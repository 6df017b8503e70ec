#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "state/delta_log.h"
#include "state/entry_shards.h"
#include "state/keyed_state.h"
#include "state/state_table.h"

namespace systole {

/// A value_table in hash tables. An entry made with an empty value, and a new key's first put, go to the delta log at once;
/// what changes in place is put on a dirty list and copied at the barrier, so that many changes of a key cost one copy.
/// Task's thread only.
class hashed_value_table final : public value_table, public state_table {
 public:
  hashed_value_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, table_shape shape);

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
  uint64_t size() const override { return shards_.entries(); }

  result<void> restore(const delta_record& record) override;
  result<void> flush_changes() override;
  uint64_t memory_bytes() const override { return shards_.memory_bytes() + delta_.memory_bytes(); }

 private:
  enum class access { read, update, insert };
  template <access Access>
  result<void> find_rows(const encoded_keys& keys, std::span<const uint32_t> rows, std::span<state_entry> out);
  template <access Access>
  state_entry find_one(entry_shard& shard, std::string_view key, uint64_t hash);
  /// {nullptr, true} where the key cannot be taken in.
  state_entry insert(entry_shard& shard, std::string_view key, uint64_t hash);
  /// Writes the value of a key that is in or not; gives the entry's offset.
  result<uint32_t> store(entry_shard& shard, std::string_view key, uint64_t hash, std::string_view value, bool& inserted);
  const entry_layout& layout() const { return shards_.layout(); }

  entry_shards shards_;
  table_delta delta_;
};

}  // namespace systole
