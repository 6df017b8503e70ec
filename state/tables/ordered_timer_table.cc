#include "state/tables/ordered_timer_table.h"

#include "state/tables/entry_limits.h"

namespace systole {

ordered_timer_table::ordered_timer_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, state_tier& tier,
                                         table_shape shape)
    : groups_(groups), max_parallelism_(max_parallelism), delta_(log, shape), tier_(tier), timers_(earlier{this}) {}

result<bool> ordered_timer_table::add(timestamp_us time, std::string_view key, uint8_t flags) {
  const auto at = timers_.lower_bound(probe{time, key});
  if (at != timers_.end() && at->time() == time && key_at(at->offset) == key) return false;
  SYSTOLE_TRY(check_entry_sizes(key, {}));
  uint32_t offset = 0;
  if (!keys_.allocate(layout_.size_for(key.size(), 0), 1, offset)) return shard_full();
  layout_.construct(keys_.at(offset), flags, key, 0);
  timers_.insert(at, {static_cast<uint32_t>(static_cast<uint64_t>(time) >> 32), static_cast<uint32_t>(time), offset});
  return true;
}

result<void> ordered_timer_table::set(timestamp_us time, std::string_view key, uint64_t /*hash*/) {
  tier_.on_rows(*this, 1);
  if (time > horizon_ && may_be_below(time, key) && timers_.find(probe{time, key}) == timers_.end()) {
    SYSTOLE_ASSIGN(const bool below, is_below(time, key));
    if (below) return {};
  }
  SYSTOLE_ASSIGN(const bool added, add(time, key, tier_.changed_mark()));
  if (!added) return {};
  ++size_;
  delta_.add({false, key, {}, time, {}});
  return {};
}

void ordered_timer_table::remove(timer_set::iterator at) {
  garbage_bytes_ += layout_.size_of(keys_.at(at->offset));
  timers_.erase(at);
  if (garbage_bytes_ > 64 * 1024 && garbage_bytes_ > keys_.used_bytes() / 2) {
    compact();
  }
}

result<void> ordered_timer_table::cancel(timestamp_us time, std::string_view key, uint64_t /*hash*/) {
  tier_.on_rows(*this, 1);
  const auto at = timers_.find(probe{time, key});
  if (at == timers_.end()) {
    if (time <= horizon_ || !may_be_below(time, key)) return {};
    SYSTOLE_ASSIGN(const bool below, is_below(time, key));
    if (!below) return {};
    // One that is not counted yet never will be, since it is now in removed_.
    if (!is_uncounted(key)) --size_;
    remember_removal(time, key);
    delta_.add({true, key, {}, time, {}});
    return {};
  }
  delta_.add({true, key, {}, time, {}});
  remember_removal(time, key);
  --size_;
  remove(at);
  return refill();
}

result<std::optional<timer_table::due_timer>> ordered_timer_table::pop_due(timestamp_us until) {
  tier_.on_rows(*this, 1);
  const auto first = timers_.begin();
  if (first == timers_.end() || first->time() > until) return std::optional<due_timer>();
  due_timer due{first->time(), std::string(key_at(first->offset))};
  delta_.add({true, due.key, {}, due.time, {}});
  remember_removal(due.time, due.key);
  --size_;
  remove(first);
  SYSTOLE_TRY(refill());
  return std::optional(std::move(due));
}

std::optional<timestamp_us> ordered_timer_table::earliest() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->time();
}

result<void> ordered_timer_table::restore(const delta_record& record) {
  if (!groups_.contains(key_group_of(hash_key(record.key), max_parallelism_))) return {};
  if (!record.erased) {
    SYSTOLE_ASSIGN(const bool added, add(record.time, record.key, tier_.changed_mark()));
    if (added) ++size_;
    return {};
  }
  remember_removal(record.time, record.key);
  if (const auto at = timers_.find(probe{record.time, record.key}); at != timers_.end()) {
    --size_;
    remove(at);
  }
  return {};
}

result<void> ordered_timer_table::flush_changes() {
  delta_.flush();
  return {};
}

uint64_t ordered_timer_table::memory_bytes() const {
  // A btree node of 256 bytes is three quarters full on average.
  return keys_.memory_bytes() + timers_.size() * sizeof(node) * 4 / 3 + delta_.memory_bytes() + evicted_.memory_bytes() +
         removed_bytes_;
}

}  // namespace systole
