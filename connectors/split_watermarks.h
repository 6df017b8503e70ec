#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "connectors/split_alignment.h"
#include "data/batch.h"
#include "proto/plan.pb.h"

namespace systole {

/// The watermark of a reader's splits: the minimum over those that have a say, monotone. Without end of input a split
/// that ran dry has none after idleTimeout, until it has caught up again; one that is too far ahead of the slowest waits
/// (maxDrift). Event times are as announced, out-of-orderness not taken off. Pure: times are given. One thread.
class split_watermarks {
 public:
  /// `alignment` may be null where the source has no maxDrift.
  split_watermarks(const proto::Watermark& settings, bool has_watermark, std::shared_ptr<split_alignment> alignment,
                   size_t reader);

  /// A split; `announced`: what counted of it before, for one that is restored. Gives its index.
  size_t add(timestamp_us announced = watermark_none);
  size_t size() const { return splits_.size(); }
  /// The split's latest event time counts from here on.
  void announce(size_t split, timestamp_us newest);
  timestamp_us announced(size_t split) const { return splits_[split].announced; }
  /// Records of the split came, or wait to be read: it is not idle.
  void is_active(size_t split);
  /// All records there are were read: idle once idleTimeout passes without is_active().
  void ran_dry(size_t split, std::chrono::nanoseconds now);
  /// The split is read to its end.
  void end(size_t split);

  /// True where the split is too far ahead to be read now.
  bool must_wait(size_t split) const;

  struct standing {
    timestamp_us watermark = watermark_none;  ///< out-of-orderness taken off
    bool idle = false;                        ///< no split has a say
    /// When the standing changes though nothing comes; max(): never.
    std::chrono::nanoseconds changes_in = std::chrono::nanoseconds::max();
  };
  /// The standing now. `wall_us`: for advanceWhenIdle. Tells the alignment.
  standing combined(std::chrono::nanoseconds now, timestamp_us wall_us);

 private:
  struct split_state {
    timestamp_us announced = watermark_none;
    bool dry = false, idle = false, ended = false;
    bool catching_up = false;  ///< was idle: has no say until it reaches the watermark
    std::chrono::nanoseconds dry_since{0};
  };
  timestamp_us less_bound(timestamp_us newest) const {
    return newest == watermark_none ? watermark_none : newest - bound_us_ - 1;
  }

  bool has_watermark_;
  int64_t bound_us_, drift_us_;
  std::chrono::nanoseconds idle_timeout_;
  bool advance_when_idle_;
  std::shared_ptr<split_alignment> alignment_;
  size_t reader_;
  std::vector<split_state> splits_;
  timestamp_us emitted_ = watermark_none;
};

}  // namespace systole
