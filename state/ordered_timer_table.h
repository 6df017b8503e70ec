#pragma once

#include <absl/container/btree_set.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "state/delta_log.h"
#include "state/entry_arena.h"
#include "state/entry_layout.h"
#include "state/keyed_state.h"
#include "state/state_table.h"

namespace systole {

/// A timer_table: a btree of 12-byte nodes (time, offset) over an arena of keys, about 20 bytes per timer besides its key.
/// Every change goes to the delta log at once. Task's thread only.
class ordered_timer_table final : public timer_table, public state_table {
 public:
  ordered_timer_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, table_shape shape);

  result<void> set(timestamp_us time, std::string_view key, uint64_t hash) override;
  result<void> cancel(timestamp_us time, std::string_view key, uint64_t hash) override;
  result<std::optional<due_timer>> pop_due(timestamp_us until) override;
  std::optional<timestamp_us> earliest() const override;
  uint64_t size() const override { return timers_.size(); }

  result<void> restore(const delta_record& record) override;
  result<void> flush_changes() override {
    delta_.flush();
    return {};
  }
  uint64_t memory_bytes() const override;

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
  result<bool> add(timestamp_us time, std::string_view key);
  void remove(timer_set::iterator at);
  void compact();

  key_group_range groups_;
  uint32_t max_parallelism_;
  table_delta delta_;
  entry_layout layout_{0};
  entry_arena keys_;
  timer_set timers_;
  uint64_t garbage_bytes_ = 0;
};

}  // namespace systole
