#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "coordination/barrier.h"

namespace systole {

/// Decides when epochs are cut, completed and committed for one attempt of a job. One epoch at a time: triggered at all
/// sources, acked by all tasks, stored, recorded as completed, committed by all sinks; only then the next. Epoch
/// numbers grow and are never used twice; `previous` is the last completed one. Pure: times come in, actions go out;
/// one thread.
class checkpoint_coordinator {
 public:
  struct settings {
    uint32_t tasks = 0;
    uint32_t sinks = 0;
    int64_t interval_us = 10'000'000;  ///< 0: no epochs but those asked for
    int64_t timeout_us = 300'000'000;
    uint32_t most_aborts = 100;  ///< in a row, then the attempt fails
    epoch_id first;              ///< the first number to use
    epoch_id last_completed;     ///< 0: none
    /// The last completed epoch where an attempt that runs already is taken over: not all sinks may have committed it,
    /// so that comes first. `previous` is the completed one before it.
    std::optional<barrier> uncommitted;
    epoch_id previous;
  };

  struct action {
    enum class kind {
      trigger,   ///< send the barrier to every task with a source, and to no other
      abort,     ///< tell every task that `what.epoch` will not be completed
      store,     ///< write the metadata, append `completed`, then call on_stored
      commit,    ///< have every sink commit, each then calls on_committed
      finished,  ///< the final epoch is committed: record it and end
      stopped,   ///< the savepoint is complete and committed: end
      fail,      ///< end the attempt; `reason` says why
    };
    kind do_this = kind::trigger;
    barrier what;
    epoch_id previous;
    std::string reason;
  };
  using actions = std::vector<action>;

  checkpoint_coordinator(const settings& with, timestamp_us now_us);

  /// Call once, first, where `uncommitted` is given.
  actions commit_again(timestamp_us now_us);
  /// Time has passed; call at next_wakeup_us() or later.
  actions on_time(timestamp_us now_us);
  /// A task's part of an epoch is durable. Acks of other epochs are late and ignored.
  actions on_ack(uint32_t task, epoch_id epoch, timestamp_us now_us);
  /// A task cannot take part in the epoch: it is aborted.
  actions on_decline(epoch_id epoch, std::string reason, timestamp_us now_us);
  /// Everything that a task does is done; once all are, the final epoch is cut.
  actions on_task_finished(uint32_t task, timestamp_us now_us);
  actions on_stored(epoch_id epoch, timestamp_us now_us);
  actions on_committed(uint32_t sink, epoch_id epoch, timestamp_us now_us);
  /// An outbox fills, or a user wants it: an epoch as soon as the one under way is committed. If it is aborted, it is
  /// tried again whatever the interval: sources may be waiting for it.
  actions request_epoch(timestamp_us now_us);
  /// A savepoint, then the end of the attempt. An input that has ended meanwhile ends the job instead.
  actions request_stop(timestamp_us now_us);

  /// When on_time has something to do; watermark_end for never.
  timestamp_us next_wakeup_us() const;
  epoch_id last_completed() const { return last_completed_; }
  /// The next number that would be used: what a following attempt starts from.
  epoch_id next_epoch() const { return next_; }
  bool under_way() const { return phase_ != phase::idle; }
  const barrier& current() const { return current_; }

  /// While parts of the epoch are missing.
  bool collecting() const { return phase_ == phase::collecting; }

 private:
  enum class phase { idle, collecting, storing, committing, ended };
  void maybe_trigger(timestamp_us now_us, actions& out);
  void abort(timestamp_us now_us, std::string reason, actions& out);
  void on_all_committed(timestamp_us now_us, actions& out);

  settings with_;
  phase phase_ = phase::idle;
  barrier current_;
  epoch_id next_;
  epoch_id last_completed_;
  timestamp_us due_us_;
  timestamp_us deadline_us_ = 0;
  bool wanted_ = false;
  bool current_was_wanted_ = false;
  bool stop_wanted_ = false;
  uint32_t aborts_ = 0;
  std::vector<bool> acked_;
  std::vector<bool> committed_;
  std::vector<bool> finished_;
  uint32_t missing_ = 0;
  uint32_t unfinished_;
};

}  // namespace systole
