#include "operators/window/open_windows.h"

#include "base/bytes.h"
#include "data/key_encoding.h"
#include "operators/stored_row.h"

namespace systole {

result<void> open_windows::open(const operator_context& context, const table_descriptor& groups) {
  SYSTOLE_ASSIGN(table_, context.state->open_map(groups));
  table_descriptor timers = groups;
  timers.name = "firings";
  timers.layout = "time, key";
  SYSTOLE_ASSIGN(timers_, context.state->open_timers(timers));
  return {};
}

timestamp_us open_windows::first_firing(timestamp_us start) const {
  return layout_.on_time ? add_saturating(start, layout_.size_us - 1) : closing(start);
}

timestamp_us open_windows::closing(timestamp_us start) const {
  return add_saturating(add_saturating(start, layout_.size_us - 1), layout_.lateness_us);
}

window_groups& open_windows::window(timestamp_us start, timestamp_us watermark) {
  std::unique_ptr<window_groups>& found = windows_[start];
  if (!found) {
    if (pool_.empty()) {
      found = std::make_unique<window_groups>(start, layout_.value_bytes, layout_.key_groups);
    } else {
      found = std::move(pool_.back());
      pool_.pop_back();
      found->reset(start);
    }
    // Groups in the state that were to fire have: their timers were due.
    found->fired = layout_.on_time && first_firing(start) <= watermark;
  }
  return *found;
}

result<uint32_t> open_windows::load(window_groups& in, std::string_view key, uint64_t hash) {
  subkey_.clear();
  append_ordered_time(subkey_, in.start());
  SYSTOLE_ASSIGN(const std::optional<std::string_view> stored, table_->get(key, hash, subkey_));
  if (!stored) return window_groups::absent;
  byte_reader reader(*stored);
  const bool emitted = layout_.on_time && reader.fixed<uint8_t>() != 0;
  const int64_t rows = layout_.counts_rows ? reader.fixed<int64_t>() : 1;
  const std::string_view value = reader.take(layout_.value_bytes);
  if (!reader.ok())
    return fail(error_code::corrupt, "a window's stored group is cut short; restore from another checkpoint");
  const uint32_t index = in.add(key, hash, reader.take(reader.remaining()));
  std::memcpy(in.value(index), value.data(), value.size());
  window_groups::group& made = in.at(index);
  made.rows = rows;
  made.emitted = emitted;
  made.stored = made.timed = true;
  ++cached_;
  return index;
}

result<void> open_windows::write(window_groups& in, window_groups::group& of, timestamp_us watermark) {
  subkey_.clear();
  append_ordered_time(subkey_, in.start());
  value_.clear();
  if (layout_.on_time) append_fixed(value_, static_cast<uint8_t>(of.emitted));
  if (layout_.counts_rows) append_fixed(value_, of.rows);
  const auto index = static_cast<uint32_t>(&of - &in.at(0));
  value_.append(reinterpret_cast<const char*>(in.value(index)), layout_.value_bytes);
  value_.append(in.key_row(of));
  SYSTOLE_TRY(table_->put(in.key(of), of.hash, subkey_, value_));
  if (!of.timed) {
    const timestamp_us first = first_firing(in.start());
    SYSTOLE_TRY(timers_->set(first > watermark ? first : closing(in.start()), in.key(of), of.hash));
  }
  of.stored = of.timed = true;
  of.dirty = false;
  return {};
}

result<void> open_windows::write_back(timestamp_us watermark) {
  for (const auto& [start, window] : windows_)
    for (uint32_t i = 0; i < window->size(); ++i)
      if (window->at(i).dirty) SYSTOLE_TRY(write(*window, window->at(i), watermark));
  return {};
}

result<void> open_windows::shrink(timestamp_us watermark) {
  if (cached_ <= cached_groups) return {};
  SYSTOLE_TRY(write_back(watermark));
  for (auto& [start, window] : windows_) release(std::move(window));
  windows_.clear();
  cached_ = 0;
  return {};
}

window_groups* open_windows::next_due(timestamp_us from, timestamp_us watermark) {
  for (auto at = windows_.lower_bound(from); at != windows_.end() && first_firing(at->first) <= watermark; ++at)
    if (!at->second->fired || closing(at->first) <= watermark) return at->second.get();
  return nullptr;
}

void open_windows::set_fired(window_groups& window) {
  window.fired = true;
  for (uint32_t i = 0; i < window.size(); ++i) {
    window.at(i).dirty = true;
    window.at(i).timed = false;
  }
}

result<void> open_windows::close(window_groups& window) {
  subkey_.clear();
  append_ordered_time(subkey_, window.start());
  for (uint32_t i = 0; i < window.size(); ++i) {
    const window_groups::group& each = window.at(i);
    if (each.stored) SYSTOLE_TRY(table_->erase(window.key(each), each.hash, subkey_));
  }
  cached_ -= window.size();
  const auto at = windows_.find(window.start());
  release(std::move(at->second));
  windows_.erase(at);
  return {};
}

void open_windows::release(std::unique_ptr<window_groups> window) {
  if (pool_.size() < pooled_windows) pool_.push_back(std::move(window));
}

result<void> open_windows::load_due_group(timestamp_us start, const timer_table::due_timer& due,
                                          timestamp_us watermark) {
  const uint64_t hash = hash_key(due.key);
  const auto found = windows_.find(start);
  if (found != windows_.end() && found->second->find(due.key, hash) != window_groups::absent) return {};
  const bool existed = found != windows_.end();
  window_groups& into = window(start, watermark);
  SYSTOLE_ASSIGN(const uint32_t loaded, load(into, due.key, hash));
  if (loaded == window_groups::absent) {
    if (!existed) SYSTOLE_TRY(close(into));
    return {};
  }
  // Its timer is gone, and its results may be missing downstream.
  into.at(loaded).timed = false;
  into.at(loaded).dirty = true;
  if (due.time == first_firing(start)) into.fired = false;
  return {};
}

result<bool> open_windows::load_due(timestamp_us watermark, size_t limit) {
  const size_t before = cached_;
  bool any = false;
  while (cached_ < before + limit) {
    SYSTOLE_ASSIGN(const std::optional<timer_table::due_timer> due, timers_->pop_due(watermark));
    if (!due) break;
    any = true;
    // One time may be the closing of one window and the first firing of a later one.
    const timestamp_us closing_start = due->time - layout_.lateness_us - layout_.size_us + 1;
    SYSTOLE_TRY(load_due_group(closing_start, *due, watermark));
    if (layout_.on_time && layout_.lateness_us > 0)
      SYSTOLE_TRY(load_due_group(due->time - layout_.size_us + 1, *due, watermark));
  }
  return any;
}

}  // namespace systole
