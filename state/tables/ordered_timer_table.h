#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "state/changes/delta_log.h"
#include "state/keyed_state.h"
#include "state/state_table.h"
#include "state/tables/entry_arena.h"
#include "state/tables/entry_layout.h"
#include "state/tables/evicted_filter.h"
#include "state/tables/state_tier.h"

namespace systole {

/// A timer_table: a btree of 12-byte nodes (time, offset) over an arena of keys, about 20 bytes per timer besides its key.
/// Every change goes to the delta log at once. All timers up to the horizon are here; later ones may be in the base only,
/// and are brought up when the earlier ones are used up. Task's thread only.
class ordered_timer_table final : public timer_table, public state_table {
 public:
  ordered_timer_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, state_tier& tier, table_shape shape);

  result<void> set(timestamp_us time, std::string_view key, uint64_t hash) override;
  result<void> cancel(timestamp_us time, std::string_view key, uint64_t hash) override;
  result<std::optional<due_timer>> pop_due(timestamp_us until) override;
  std::optional<timestamp_us> earliest() const override;
  uint64_t size() const override { return size_; }

  result<void> restore(const delta_record& record) override;
  result<void> flush_changes() override;
  void flush_logged() override { delta_.flush(); }
  uint64_t memory_bytes() const override;
  result<void> begin_loading() override;
  result<void> finish_restore() override;
  result<void> load(size_t group_index, const delta_record& record, bool keep) override;
  void finish_group(size_t group_index) override;
  void evict(uint64_t target_bytes) override;

 private:
  /// 12 bytes: a 64-bit time would be padded to 16.
  struct node {
    uint32_t time_high;
    uint32_t time_low;
    uint32_t offset;
    timestamp_us time() const { return static_cast<int64_t>(uint64_t{time_high} << 32 | time_low); }
  };
  using probe = std::pair<timestamp_us, std::string_view>;
  struct earlier {
    using is_transparent = void;
    const ordered_timer_table* table;
    probe of(const node& at) const { return {at.time(), table->key_at(at.offset)}; }
    bool operator()(const node& a, const node& b) const {
      return a.time() != b.time() ? a.time() < b.time() : table->key_at(a.offset) < table->key_at(b.offset);
    }
    bool operator()(const node& a, const probe& b) const { return of(a) < b; }
    bool operator()(const probe& a, const node& b) const { return a < of(b); }
  };
  using timer_set = absl::btree_set<node, earlier>;

  std::string_view key_at(uint32_t offset) const { return layout_.key(keys_.at(offset)); }
  /// False where it is here already.
  result<bool> add(timestamp_us time, std::string_view key, uint8_t flags);
  void remove(timer_set::iterator at);
  void compact();
  /// Rewrites keys and btree with the timers for which keep(node, flags) holds.
  template <class Keep>
  void rebuild(Keep&& keep);

  // The base.
  bool is_uncounted(std::string_view key) const;
  bool may_be_below(timestamp_us time, std::string_view key) const;
  result<bool> is_below(timestamp_us time, std::string_view key) const;
  void remember_removal(timestamp_us time, std::string_view key);
  bool was_removed(timestamp_us time, std::string_view key) const;
  /// Brings timers up until one is here that is not later than the horizon, or none is below.
  result<void> refill();
  struct found_timer {
    timestamp_us time;
    std::string key;
  };
  /// The base's timers after the horizon, at most `most` of each key group; lowers `complete_until` to where that is all.
  result<std::vector<found_timer>> read_below(size_t most, timestamp_us& complete_until) const;

  static constexpr timestamp_us everything = std::numeric_limits<timestamp_us>::max();

  key_group_range groups_;
  uint32_t max_parallelism_;
  table_delta delta_;
  state_tier& tier_;
  entry_layout layout_{0};
  entry_arena keys_;
  timer_set timers_;
  uint64_t garbage_bytes_ = 0;
  uint64_t size_ = 0;

  timestamp_us horizon_ = everything;
  size_t groups_to_load_ = 0;
  std::vector<bool> loading_groups_;  ///< key groups of the base that have not been counted yet; empty: none
  evicted_filter evicted_;
  /// Timers that were fired or cancelled and that the base may still hold, with the cut that takes them from it.
  absl::flat_hash_map<std::string, uint64_t> removed_;
  size_t removed_bytes_ = 0;
};

}  // namespace systole
