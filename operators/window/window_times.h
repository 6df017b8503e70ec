#pragma once

#include <cstdint>

#include "base/clock.h"
#include "operators/stored_row.h"

namespace systole {

/// Which windows a time belongs to: [start, start + size) for starts offset + n * slide.
class window_times {
 public:
  /// REQUIRES: size, slide > 0.
  window_times(int64_t size_us, int64_t slide_us, int64_t offset_us)
      : size_us_(size_us), slide_us_(slide_us), offset_us_(offset_us) {}

  /// The last start <= time. Remembers it: rows come nearly in order.
  timestamp_us last_start(timestamp_us time) {
    if (static_cast<uint64_t>(time) - static_cast<uint64_t>(recent_) < static_cast<uint64_t>(slide_us_)) [[likely]]
      return recent_;
    // In 128 bits, so that no offset overflows.
    const __int128 shifted = static_cast<__int128>(time) - offset_us_;
    __int128 steps = shifted / slide_us_;
    if (shifted % slide_us_ < 0) --steps;
    const __int128 start = steps * slide_us_ + offset_us_;
    return recent_ = start < watermark_none ? watermark_none : static_cast<timestamp_us>(start);
  }
  int64_t size_us() const { return size_us_; }
  int64_t slide_us() const { return slide_us_; }
  timestamp_us end(timestamp_us start) const { return add_saturating(start, size_us_); }

 private:
  int64_t size_us_, slide_us_, offset_us_;
  timestamp_us recent_ = watermark_end;  ///< nothing is in its window but the end of time
};

}  // namespace systole
