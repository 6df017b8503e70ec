// What ordered_timer_table does with the base below it.
#include <xxhash.h>

#include <algorithm>

#include "state/changes/record_order.h"
#include "state/tables/ordered_timer_table.h"
#include "state/tiered/rocks_base.h"

namespace systole {
namespace {

constexpr size_t removal_overhead_bytes = 64;  ///< a string on the heap and its slot

std::string removal_key(timestamp_us time, std::string_view key) {
  std::string made;
  append_fixed(made, time);
  made += key;
  return made;
}

uint64_t timer_hash(timestamp_us time, std::string_view key) {
  return XXH3_64bits_withSeed(key.data(), key.size(), static_cast<uint64_t>(time));
}

}  // namespace

template <class Keep>
void ordered_timer_table::rebuild(Keep&& keep) {
  // In order, so that the new btree is built from full nodes.
  std::vector<node> nodes;
  nodes.reserve(timers_.size());
  entry_arena kept;
  for (node at : timers_) {
    std::byte* old = keys_.at(at.offset);
    if (!keep(at, layout_.flags(old))) continue;
    const size_t bytes = layout_.size_of(old);
    uint32_t offset = 0;
    [[maybe_unused]] const bool fits = kept.allocate(bytes, 1, offset);
    assert(fits);  // the old arena held it
    std::memcpy(kept.at(offset), old, bytes);
    at.offset = offset;
    nodes.push_back(at);
  }
  timers_.clear();
  keys_ = std::move(kept);
  garbage_bytes_ = 0;
  for (const node& at : nodes) timers_.insert(timers_.end(), at);
}

void ordered_timer_table::compact() {
  rebuild([](const node&, uint8_t&) { return true; });
}

bool ordered_timer_table::is_uncounted(std::string_view key) const {
  if (groups_to_load_ == 0) return false;
  return loading_groups_[size_t{key_group_of(hash_key(key), max_parallelism_).value} - groups_.first];
}

bool ordered_timer_table::may_be_below(timestamp_us time, std::string_view key) const {
  if (horizon_ == everything) return false;
  return groups_to_load_ != 0 || evicted_.may_contain(timer_hash(time, key));
}

result<bool> ordered_timer_table::is_below(timestamp_us time, std::string_view key) const {
  if (was_removed(time, key)) return false;
  delta_record record;
  record.time = time;
  record.key = key;
  std::string base_key;
  append_state_key(base_key, key_group_of(hash_key(key), max_parallelism_).value, delta_.table(), record);
  std::string unused;
  return tier_.base()->get(base_key, unused);
}

void ordered_timer_table::remember_removal(timestamp_us time, std::string_view key) {
  const bool anything_below = horizon_ != everything || groups_to_load_ != 0;
  if (!anything_below && !tier_.keeps_tombstones()) return;
  removed_[removal_key(time, key)] = tier_.cut();
  removed_bytes_ += removal_overhead_bytes + key.size();
}

bool ordered_timer_table::was_removed(timestamp_us time, std::string_view key) const {
  return !removed_.empty() && removed_.contains(removal_key(time, key));
}

result<std::vector<ordered_timer_table::found_timer>> ordered_timer_table::read_below(size_t most,
                                                                                      timestamp_us& complete_until) const {
  std::vector<found_timer> found;
  base_cursor cursor = tier_.base()->cursor();
  for (uint32_t group = groups_.first; group <= groups_.last; ++group) {
    std::string prefix;
    append_state_key_prefix(prefix, static_cast<uint16_t>(group), delta_.table().number);
    delta_record after;
    after.time = horizon_ == everything ? everything : horizon_ + 1;
    std::string start;
    append_state_key(start, static_cast<uint16_t>(group), delta_.table(), after);
    size_t left = most;
    timestamp_us last = 0;
    for (cursor.seek(start); cursor.valid() && cursor.key().substr(0, prefix.size()) == prefix && left > 0; cursor.next()) {
      uint16_t read_group = 0;
      uint32_t read_table = 0;
      delta_record record;
      if (!read_state_key(cursor.key(), table_kind::timers, read_group, read_table, record)) {
        return fail(error_code::corrupt, "a timer in the state's RocksDB is malformed: restore an older epoch with --rewind");
      }
      --left;
      last = record.time;
      found.push_back({record.time, std::string(record.key)});
    }
    SYSTOLE_TRY(cursor.status());
    // More of this group may follow, also at the very time of the last one.
    if (left == 0) complete_until = std::min(complete_until, last - 1);
  }
  return found;
}

result<void> ordered_timer_table::refill() {
  constexpr size_t wanted_timers = 4096;
  size_t most = std::max<size_t>(8, wanted_timers / groups_.size());
  while (horizon_ != everything && (timers_.empty() || timers_.begin()->time() > horizon_)) {
    timestamp_us complete_until = everything;
    SYSTOLE_ASSIGN(const std::vector<found_timer> found, read_below(most, complete_until));
    if (complete_until <= horizon_) {
      most *= 8;  // very many timers of one group at one time
      continue;
    }
    for (const found_timer& each : found) {
      if (each.time > complete_until || was_removed(each.time, each.key)) continue;
      SYSTOLE_ASSIGN(const bool added, add(each.time, each.key, tier_.clean_mark()));
      if (added && is_uncounted(each.key)) ++size_;
    }
    horizon_ = complete_until;
    if (horizon_ == everything && groups_to_load_ == 0) evicted_.clear();
  }
  return {};
}

result<void> ordered_timer_table::begin_loading() {
  groups_to_load_ = groups_.size();
  loading_groups_.assign(groups_.size(), true);
  horizon_ = std::numeric_limits<timestamp_us>::min();
  return {};
}

result<void> ordered_timer_table::finish_restore() { return refill(); }

result<void> ordered_timer_table::load(size_t /*group_index*/, const delta_record& record, bool /*keep*/) {
  if (timers_.find(probe{record.time, record.key}) != timers_.end() || was_removed(record.time, record.key)) return {};
  ++size_;
  evicted_.add(timer_hash(record.time, record.key));
  return {};
}

void ordered_timer_table::finish_group(size_t group_index) {
  loading_groups_[group_index] = false;
  if (--groups_to_load_ == 0 && horizon_ == everything) evicted_.clear();
}

void ordered_timer_table::evict(uint64_t target_bytes) {
  if (groups_to_load_ != 0 || timers_.empty()) return;
  // All changes before the last cut are in the base.
  absl::erase_if(removed_, [&](const auto& each) { return each.second < tier_.cut(); });
  removed_bytes_ = removed_.size() * (removal_overhead_bytes + 32);
  const uint64_t bytes = memory_bytes();
  if (bytes <= target_bytes) return;
  const double share = static_cast<double>(target_bytes) / static_cast<double>(bytes);
  const auto kept = std::max<size_t>(1, static_cast<size_t>(share * static_cast<double>(timers_.size())));
  auto last = timers_.begin();
  std::advance(last, std::min(kept, timers_.size()) - 1);
  // What is due first stays; a timer at the new horizon's time stays too.
  horizon_ = std::min(horizon_, last->time());
  rebuild([&](const node& at, uint8_t& flags) {
    if (at.time() <= horizon_ || (flags & state_tier::mark_bits) == tier_.changed_mark()) return true;
    evicted_.add(timer_hash(at.time(), key_at(at.offset)));
    return false;
  });
}

}  // namespace systole
