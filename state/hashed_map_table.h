#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "state/delta_log.h"
#include "state/entry_shards.h"
#include "state/keyed_state.h"
#include "state/large_map.h"
#include "state/state_table.h"

namespace systole {

/// A map_table in hash tables: a key's entries are a packed_map in its entry, or a large_map beside it. Every put and erase
/// goes to the delta log at once. Task's thread only.
class hashed_map_table final : public map_table, public state_table {
 public:
  hashed_map_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, table_shape shape);

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
  uint64_t size() const override { return entries_; }

  result<void> restore(const delta_record& record) override;
  result<void> flush_changes() override {
    delta_.flush();
    return {};
  }
  uint64_t memory_bytes() const override { return shards_.memory_bytes() + large_bytes_ + delta_.memory_bytes(); }

 private:
  const entry_layout& layout() const { return shards_.layout(); }
  bool is_large(const std::byte* entry) const { return (layout().flags(entry) & entry_layout::large) != 0; }
  large_map& large_of(const std::byte* entry) const;
  result<void> store(std::string_view key, uint64_t hash, std::string_view subkey, std::string_view value);
  result<void> store_packed(entry_shard& shard, uint32_t* place, std::string_view subkey, std::string_view value);
  result<void> make_large(entry_shard& shard, uint32_t* place, std::string_view packed);
  /// True where the subkey was there.
  bool remove(std::string_view key, uint64_t hash, std::string_view subkey);
  void drop_large(const std::byte* entry);
  bool scan_entry(const std::byte* entry, std::string_view from, std::string_view to, bool backwards,
                  const visitor& visit) const;

  entry_shards shards_;
  table_delta delta_;
  std::vector<std::unique_ptr<large_map>> large_;
  std::vector<uint32_t> free_large_;
  size_t large_bytes_ = 0;
  uint64_t entries_ = 0;
  std::string scratch_;
};

}  // namespace systole
