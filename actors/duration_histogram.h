#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

namespace systole {

/// Upper bounds of all histograms of durations, in microseconds: one set, so that processes' histograms can be added.
inline constexpr std::array<int64_t, 17> duration_bounds_us = {
    1'000,   2'500,     5'000,     10'000,    25'000,     50'000,     100'000,     250'000,     500'000,
    1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000, 300'000'000, 1'800'000'000};

/// How many durations fell between two bounds, not cumulative; the last one is of those beyond all bounds.
struct duration_counts {
  std::array<uint64_t, duration_bounds_us.size() + 1> counts{};
  int64_t sum_us = 0;

  uint64_t total() const {
    uint64_t sum = 0;
    for (const uint64_t each : counts) sum += each;
    return sum;
  }
  duration_counts& operator+=(const duration_counts& other) {
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
    sum_us += other.sum_us;
    return *this;
  }
};

/// Counts durations: one thread writes, any reads. A reading may lack the last duration in its sum, never in its past.
class duration_histogram {
 public:
  void observe(int64_t duration_us) {
    duration_us = std::max<int64_t>(duration_us, 0);  // two machines' clocks differ
    const auto at = std::lower_bound(duration_bounds_us.begin(), duration_bounds_us.end(), duration_us);
    add(counts_[static_cast<size_t>(at - duration_bounds_us.begin())], uint64_t{1});
    add(sum_us_, duration_us);
  }
  duration_counts read() const {
    duration_counts made;
    for (size_t i = 0; i < counts_.size(); ++i) made.counts[i] = counts_[i].load(std::memory_order_relaxed);
    made.sum_us = sum_us_.load(std::memory_order_relaxed);
    return made;
  }

 private:
  /// With one writer no locked instruction is needed.
  template <class T>
  static void add(std::atomic<T>& to, T more) {
    to.store(to.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  std::array<std::atomic<uint64_t>, duration_bounds_us.size() + 1> counts_{};
  std::atomic<int64_t> sum_us_{0};
};

}  // namespace systole
