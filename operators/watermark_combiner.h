#pragma once

#include <cstddef>
#include <vector>

#include "data/batch.h"

namespace systole {

/// Combines the watermarks of a node's channels: the minimum over the channels that have a say, monotone. An idle
/// channel has none; re-activated, it counts again once its watermark has reached the combined one (until then its rows
/// may be late). A finished channel stands at watermark_end. While all are idle the watermark stands. Pure; one thread.
class watermark_combiner {
 public:
  explicit watermark_combiner(size_t channels = 1) : channels_(channels) {}

  /// Takes a channel's watermark (ignored where it would go back) and whether it is idle. True where combined() or
  /// idle() changed.
  bool update(size_t channel, timestamp_us watermark, bool idle);
  /// The channel has ended; same answer as update().
  bool end(size_t channel);
  /// Continues with what a checkpoint held: the combined watermark and, where the channels are the same, theirs.
  void restore(timestamp_us combined, const std::vector<timestamp_us>& watermarks, const std::vector<bool>& ended);

  timestamp_us combined() const { return combined_; }
  /// True where every channel that has not ended is idle (and one such is left).
  bool idle() const { return idle_; }
  bool ended() const { return ended_channels_ == channels_.size(); }
  bool ended(size_t channel) const { return channels_[channel].what == state::ended; }
  size_t size() const { return channels_.size(); }
  timestamp_us watermark(size_t channel) const { return channels_[channel].watermark; }

 private:
  enum class state { active, idle, catching_up, ended };
  struct channel_state {
    state what = state::active;
    timestamp_us watermark = watermark_none;
  };
  bool recombine();

  std::vector<channel_state> channels_;
  size_t ended_channels_ = 0;
  timestamp_us combined_ = watermark_none;
  bool idle_ = false;
};

}  // namespace systole
