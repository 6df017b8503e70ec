#pragma once

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "base/clock.h"
#include "coordination/control_messages.h"

namespace systole {

/// Decides which workers are gone: at once when the connection is lost (kill -9), after `patience_us` without a report
/// (freeze, partition). What was given up once stays given up: a worker that wakes up under an old incarnation is to
/// end its tasks and to register anew. Pure: monotonic times come in; one thread.
class failure_detector {
 public:
  struct settings {
    /// Reports come every 200 ms: one or two lost ones are forgiven.
    int64_t patience_us = 1'000'000;
    /// This process itself stood still when on_time comes later than this: nobody is given up for what it slept
    /// through.
    int64_t own_pause_us = 400'000;
  };
  enum class verdict {
    joined,  ///< not seen before
    known,
    retired,  ///< was given up: tell it
  };

  explicit failure_detector(const settings& with) : with_(with) {}

  verdict on_report(incarnation_id worker, timestamp_us now_us);
  /// The connection is gone. True where the worker was alive until now.
  bool on_connection_lost(incarnation_id worker);
  /// It said goodbye and has no task left; it is not given up but forgotten, and may come back.
  void on_left(incarnation_id worker) { alive_.erase(worker); }
  /// Call at least every half of own_pause_us. Returns those that are given up now.
  std::vector<incarnation_id> on_time(timestamp_us now_us);

  bool alive(incarnation_id worker) const { return alive_.contains(worker); }
  timestamp_us next_wakeup_us() const;

  /// Incarnations given up that are remembered, oldest forgotten first. A forgotten one that wakes up joins as if new:
  /// its tasks are of attempts that are over, and it is ordered to end them.
  static constexpr size_t kept_retired = 4096;

 private:
  void retire(incarnation_id worker);

  settings with_;
  timestamp_us last_time_us_ = 0;
  bool started_ = false;
  std::map<incarnation_id, timestamp_us> alive_;  ///< last report
  std::set<incarnation_id> retired_;
  std::deque<incarnation_id> retired_order_;
};

}  // namespace systole
