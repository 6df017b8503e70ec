#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "coordination/tap_messages.h"

namespace systole {

/// What a user wants to see: up to so many rows of a step, for so long.
struct tap_request {
  std::string step;
  uint32_t rows = 100;            ///< 1 to limits::tap_rows
  std::chrono::seconds time{60};  ///< 1 to limits::tap_seconds
};

/// Why a tap is over.
enum class tap_end {
  rows,       ///< all that was asked for
  time,       ///< likewise
  job_ended,  ///< it emits no more
  lead_lost,  ///< another coordinator may go on with the job: ask it
  refused,    ///< a worker does not show rows, or there are too many taps
};
std::string_view name_of(tap_end why);

/// Where the rows of a tap go. Called on the coordinator's thread; must not block.
class tap_listener {
 public:
  virtual ~tap_listener() = default;
  /// A row as JSON. False once nobody listens.
  virtual bool row(std::string_view json) = 0;
  /// Now and then, and before the end: how many rows the step emitted, and how many of them were shown. False as above.
  virtual bool sampled(uint64_t passed, uint64_t shown) = 0;
  /// The last call. `message`: for people; no row in it.
  virtual void ended(tap_end why, const std::string& message) = 0;
};

/// A tap that may begin.
struct tap_opening {
  std::string job;  ///< its name
  std::string step;
  /// Call it once, from any thread, with who listens; or drop it, then there is no tap.
  std::function<void(std::shared_ptr<tap_listener>)> begin;
};

/// The taps of a coordinator's users, in its term. A tap is of a job's step and not of an attempt: rows of the next
/// attempt follow those of the last one. Pure; one thread.
class tap_sessions {
 public:
  bool full() const { return open_.size() >= limits::taps; }
  bool empty() const { return open_.empty(); }
  /// Ends at once where there are too many.
  void open(tapped_step what, const tap_request& with, std::shared_ptr<tap_listener> listener, timestamp_us now_us);
  void on_news(const tap_news& news);
  /// Tells each tap's counts, ends those whose time has passed, those whose listener has gone, and those of jobs that
  /// are `over`, for the reason that it gives.
  void on_time(timestamp_us now_us, const std::function<std::optional<std::string>(job_id)>& over);
  void end_all(tap_end why, const std::string& message);
  /// What the workers are to show: each step once.
  std::vector<tapped_step> wanted() const;

 private:
  struct session {
    tapped_step what;
    std::shared_ptr<tap_listener> listener;
    timestamp_us until_us = 0;
    uint64_t rows = 0;  ///< wanted
    uint64_t passed = 0;
    uint64_t shown = 0;
    bool over = false;  ///< to be removed
  };
  static void end(session& which, tap_end why, const std::string& message);
  static void take(session& into, const tap_sample& sample, const std::string& worker);
  void remove_those_over();

  std::vector<session> open_;
};

}  // namespace systole
