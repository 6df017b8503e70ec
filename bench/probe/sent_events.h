#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "bench/probe/event_stream.h"

namespace latency_bench {

/// Microseconds of CLOCK_MONOTONIC, which Python's time.monotonic() reads too.
inline int64_t now_us() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1'000'000LL + at.tv_nsec / 1000;
}

/// The events that were sent, by sequence number. The sender writes an event and then its number; the reader of rows
/// reads those below `published`.
class sent_events {
 public:
  explicit sent_events(size_t most) : facts_(most), due_us_(most) {}
  void add(const event_fact& fact, int64_t due_us) {
    const size_t at = published_.load(std::memory_order_relaxed);
    facts_.at(at) = fact;
    due_us_[at] = due_us;
    published_.store(at + 1, std::memory_order_release);
  }
  size_t published() const { return published_.load(std::memory_order_acquire); }
  const event_fact& fact(size_t sequence) const { return facts_[sequence]; }
  int64_t due_us(size_t sequence) const { return due_us_[sequence]; }

 private:
  std::vector<event_fact> facts_;
  std::vector<int64_t> due_us_;
  std::atomic<size_t> published_{0};
};

}  // namespace latency_bench
