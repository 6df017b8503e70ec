#include "state/ordered_timer_table.h"

#include "state/entry_limits.h"

namespace systole {

ordered_timer_table::ordered_timer_table(key_group_range groups, uint32_t max_parallelism, delta_log& log, table_shape shape)
    : groups_(groups), max_parallelism_(max_parallelism), delta_(log, shape), timers_(earlier{this}) {}

result<bool> ordered_timer_table::add(timestamp_us time, std::string_view key) {
  const auto at = timers_.lower_bound(probe{time, key});
  if (at != timers_.end() && at->time() == time && key_at(at->offset) == key) return false;
  SYSTOLE_TRY(check_entry_sizes(key, {}));
  uint32_t offset = 0;
  if (!keys_.allocate(layout_.size_for(key.size(), 0), 1, offset)) return shard_full();
  layout_.construct(keys_.at(offset), 0, key, 0);
  timers_.insert(at, {static_cast<uint32_t>(static_cast<uint64_t>(time) >> 32), static_cast<uint32_t>(time), offset});
  return true;
}

result<void> ordered_timer_table::set(timestamp_us time, std::string_view key, uint64_t /*hash*/) {
  SYSTOLE_ASSIGN(const bool added, add(time, key));
  if (added) delta_.add({false, key, {}, time, {}});
  return {};
}

void ordered_timer_table::remove(timer_set::iterator at) {
  garbage_bytes_ += layout_.size_of(keys_.at(at->offset));
  timers_.erase(at);
  if (garbage_bytes_ > 64 * 1024 && garbage_bytes_ > keys_.used_bytes() / 2) compact();
}

void ordered_timer_table::compact() {
  entry_arena kept;
  timer_set rebuilt(earlier{this});
  std::swap(rebuilt, timers_);
  // In order, so that the new btree is built from full nodes; its comparisons read the new arena.
  std::vector<node> nodes(rebuilt.begin(), rebuilt.end());
  for (node& at : nodes) {
    const std::byte* old = keys_.at(at.offset);
    const size_t bytes = layout_.size_of(old);
    uint32_t offset = 0;
    if (!kept.allocate(bytes, 1, offset)) return std::swap(rebuilt, timers_);  // cannot be: it holds less than before
    std::memcpy(kept.at(offset), old, bytes);
    at.offset = offset;
  }
  rebuilt.clear();
  keys_ = std::move(kept);
  garbage_bytes_ = 0;
  for (const node& at : nodes) timers_.insert(timers_.end(), at);
}

result<void> ordered_timer_table::cancel(timestamp_us time, std::string_view key, uint64_t /*hash*/) {
  const auto at = timers_.find(probe{time, key});
  if (at == timers_.end()) return {};
  delta_.add({true, key, {}, time, {}});
  remove(at);
  return {};
}

result<std::optional<timer_table::due_timer>> ordered_timer_table::pop_due(timestamp_us until) {
  const auto first = timers_.begin();
  if (first == timers_.end() || first->time() > until) return std::optional<due_timer>();
  due_timer due{first->time(), std::string(key_at(first->offset))};
  delta_.add({true, due.key, {}, due.time, {}});
  remove(first);
  return std::optional(std::move(due));
}

std::optional<timestamp_us> ordered_timer_table::earliest() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->time();
}

result<void> ordered_timer_table::restore(const delta_record& record) {
  if (!groups_.contains(key_group_of(hash_key(record.key), max_parallelism_))) return {};
  if (!record.erased) {
    SYSTOLE_TRY(add(record.time, record.key));
    return {};
  }
  if (const auto at = timers_.find(probe{record.time, record.key}); at != timers_.end()) remove(at);
  return {};
}

uint64_t ordered_timer_table::memory_bytes() const {
  // A btree node of 256 bytes is three quarters full on average.
  return keys_.memory_bytes() + timers_.size() * sizeof(node) * 4 / 3 + delta_.memory_bytes();
}

}  // namespace systole
