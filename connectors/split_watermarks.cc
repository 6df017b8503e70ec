#include "connectors/split_watermarks.h"

#include <algorithm>

namespace systole {

split_watermarks::split_watermarks(const proto::Watermark& settings, bool has_watermark,
                                   std::shared_ptr<split_alignment> alignment, size_t reader)
    : has_watermark_(has_watermark),
      bound_us_(settings.max_out_of_orderness_us()),
      drift_us_(settings.max_drift_us()),
      idle_timeout_(std::chrono::microseconds(settings.idle_timeout_us())),
      advance_when_idle_(settings.advance_when_idle()),
      alignment_(std::move(alignment)),
      reader_(reader) {
  if (alignment_) alignment_->tell(reader_, watermark_none);
}

size_t split_watermarks::add(timestamp_us announced) {
  splits_.push_back({.announced = announced});
  return splits_.size() - 1;
}

void split_watermarks::announce(size_t split, timestamp_us newest) {
  splits_[split].announced = std::max(splits_[split].announced, newest);
}

void split_watermarks::is_active(size_t split) {
  split_state& it = splits_[split];
  it.dry = false;
  if (!it.idle) return;
  it.idle = false;
  it.catching_up = true;
}

void split_watermarks::ran_dry(size_t split, std::chrono::nanoseconds now) {
  split_state& it = splits_[split];
  if (it.dry) return;
  it.dry = true;
  it.dry_since = now;
}

void split_watermarks::end(size_t split) { splits_[split].ended = true; }

bool split_watermarks::must_wait(size_t split) const {
  if (!has_watermark_ || drift_us_ <= 0 || !alignment_) return false;
  const timestamp_us own = splits_[split].announced;
  if (own == watermark_none) return false;
  const timestamp_us slowest = alignment_->slowest();
  if (slowest == watermark_end) return false;
  return slowest == watermark_none || own - slowest > drift_us_;
}

split_watermarks::standing split_watermarks::combined(std::chrono::nanoseconds now, timestamp_us wall_us) {
  standing made;
  if (!has_watermark_) return made;
  timestamp_us lowest = watermark_end, lowest_open = watermark_end;
  for (split_state& it : splits_) {
    if (it.ended) continue;
    if (it.dry && idle_timeout_.count() > 0 && !it.idle) {
      const std::chrono::nanoseconds silent = now - it.dry_since;
      if (silent >= idle_timeout_) it.idle = true;
      else made.changes_in = std::min(made.changes_in, idle_timeout_ - silent);
    }
    if (it.idle) continue;
    lowest_open = std::min(lowest_open, it.announced);
    if (it.catching_up && less_bound(it.announced) >= emitted_) it.catching_up = false;
    if (!it.catching_up) lowest = std::min(lowest, it.announced);
  }
  if (alignment_) alignment_->tell(reader_, lowest_open);
  // Splits that still catch up have no say in how far it goes, and without others it stands.
  if (lowest != watermark_end) {
    if (lowest != watermark_none) emitted_ = std::max(emitted_, less_bound(lowest));
  } else {
    made.idle = lowest_open == watermark_end;
    const bool all_ended = std::all_of(splits_.begin(), splits_.end(), [](const split_state& it) { return it.ended; });
    if (all_ended) {
      timestamp_us newest = watermark_none;
      for (const split_state& it : splits_) newest = std::max(newest, it.announced);
      emitted_ = std::max(emitted_, less_bound(newest));
    } else if (made.idle && advance_when_idle_) {
      emitted_ = std::max(emitted_, less_bound(wall_us));
      made.idle = false;
      made.changes_in = std::min<std::chrono::nanoseconds>(made.changes_in, std::chrono::milliseconds(200));
    }
  }
  made.watermark = emitted_;
  return made;
}

}  // namespace systole
