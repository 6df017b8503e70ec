#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "coordination/attempt_failure.h"

namespace systole {

/// Decides whether a failed attempt is followed by another, and when: exponential delay with a cap, back to the initial
/// one after a stable while. Gives up at once on what a restart cannot cure, and on poison: the same failure again and
/// again without an epoch completed in between. What is wrong with a job (a user that is refused, a table that is missing)
/// ends it at its beginning; after an attempt that has proven itself somebody has changed the world, and may change it back:
/// that is tried for ever. Keeps the root cause of each attempt. Pure; one thread.
class restart_policy {
 public:
  struct settings {
    bool restarts = true;
    int64_t initial_delay_us = 200'000;
    int64_t most_delay_us = 60'000'000;
    int64_t stable_after_us = 60'000'000;  ///< an attempt that ran this long resets the delay
    /// An attempt proves the job when it has run this long and completed an epoch: brokers take seconds to refuse a user, in
    /// which empty epochs are completed.
    int64_t proven_after_us = 15'000'000;
    uint32_t poison_attempts = 3;          ///< the same failure this often is poison
  };
  struct decision {
    bool restart = false;
    int64_t delay_us = 0;
    std::string why;  ///< where it gives up
  };

  explicit restart_policy(const settings& with) : with_(with), delay_us_(with.initial_delay_us) {}

  /// `attempt`: its number, as users see it.
  void on_start(timestamp_us now_us, epoch_id restored_from, uint32_t attempt);
  /// `completed`: the last completed epoch now.
  decision on_failure(timestamp_us now_us, const failure& cause, epoch_id completed);

  /// A user wants it to go on: delays and the same failures are counted anew.
  void forgive();

  /// The last ones, oldest first; at most `kept_failures`.
  const std::vector<attempt_failure>& causes() const { return causes_; }
  uint64_t failures() const { return failures_; }

 private:
  settings with_;
  int64_t delay_us_;
  uint32_t attempt_ = 0;
  uint64_t failures_ = 0;
  timestamp_us started_us_ = 0;
  epoch_id restored_from_;
  bool proven_ = false;
  uint32_t same_failures_ = 0;
  std::vector<attempt_failure> causes_;
};

}  // namespace systole
