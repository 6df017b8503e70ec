#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "coordination/barrier.h"

namespace systole {

/// Aligns a task's channels at a barrier: a channel whose barrier has come is blocked until the barriers of all others
/// have; a finished channel counts as aligned (its barriers, which still come, matter only where all have finished).
/// A barrier of a newer epoch abandons an older one. Pure; one thread.
///
/// The caller: hands over barriers and ends in the order of each channel; while aligned() takes the cut; then calls
/// taken().
class barrier_alignment {
 public:
  /// `aligns` false: a checkpoint is cut at its first barrier, which doubles rows in a restore; only to show that tests notice.
  explicit barrier_alignment(size_t channels, bool aligns = true)
      : aligns_(aligns), blocked_(channels, false), finished_(channels, false) {}

  /// A channel's barrier. Those of epochs that were taken or aborted are ignored.
  void on_barrier(size_t channel, const barrier& what);
  void on_end(size_t channel);
  /// The epoch will not be completed: frees its channels. Its barriers that come later are ignored.
  void on_abort(epoch_id epoch);
  /// The cut was taken: all channels flow again. REQUIRES: aligned().
  void taken();

  /// The barrier that waits to be taken, once all channels have it.
  const std::optional<barrier>& aligned() const { return aligned_; }
  /// The epoch under way, aligned or not.
  const std::optional<barrier>& current() const { return current_; }
  /// True while rows of the channel must wait.
  bool blocked(size_t channel) const { return blocked_[channel]; }
  bool finished(size_t channel) const { return finished_[channel]; }

 private:
  void release();
  void check();

  bool aligns_;
  std::vector<bool> blocked_;
  std::vector<bool> finished_;
  std::optional<barrier> current_;
  std::optional<barrier> aligned_;
  epoch_id closed_;  ///< no epoch up to this one will be taken any more
};

}  // namespace systole
