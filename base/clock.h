#pragma once

#include <chrono>
#include <cstdint>

namespace systole {

/// Microseconds since 1970-01-01T00:00:00Z; the unit of all times in Systole.
using timestamp_us = int64_t;

/// Reads time. Injected wherever time is read, so that tests own it. Thread-safe.
class clock {
 public:
  virtual ~clock() = default;
  /// The wall clock; may jump.
  virtual timestamp_us now_us() const = 0;
  /// Never goes back; its zero has no meaning.
  virtual std::chrono::nanoseconds monotonic() const = 0;
};

/// The operating system's clocks.
const clock& system_clock();

/// A clock that a test moves by hand. Not thread-safe while it is moved.
class manual_clock final : public clock {
 public:
  explicit manual_clock(timestamp_us start_us = 0) : now_us_(start_us) {}
  timestamp_us now_us() const override { return now_us_; }
  std::chrono::nanoseconds monotonic() const override { return std::chrono::microseconds(now_us_); }
  void advance(std::chrono::microseconds by) { now_us_ += by.count(); }

 private:
  timestamp_us now_us_;
};

}  // namespace systole
