#pragma once

#include <prometheus/metric_family.h>

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "actors/duration_histogram.h"

namespace systole {

/// Collects series by metric; for the exposition alone. Two values of one series are added.
class metric_families {
 public:
  using labels = std::vector<std::pair<std::string, std::string>>;
  struct metric {
    std::string name;
    const char* help;
  };

  void counter(const metric& what, const labels& of, double value) {
    series(what, prometheus::MetricType::Counter, of).counter.value += value;
  }
  void gauge(const metric& what, const labels& of, double value) {
    series(what, prometheus::MetricType::Gauge, of).gauge.value += value;
  }
  void histogram(const metric& what, const labels& of, const duration_counts& value);

  /// In the order of their first use.
  std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  prometheus::ClientMetric& series(const metric& what, prometheus::MetricType type, const labels& of);

  std::vector<prometheus::MetricFamily> families_;
  std::map<std::string, size_t> by_name_;
  std::map<std::pair<size_t, labels>, size_t> by_labels_;
};

inline double seconds(int64_t microseconds) { return static_cast<double>(microseconds) / 1e6; }
inline double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace systole
