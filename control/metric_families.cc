#include "control/metric_families.h"

#include <limits>

namespace systole {

prometheus::ClientMetric& metric_families::series(const metric& what, prometheus::MetricType type, const labels& of) {
  const auto [family, is_new_family] = by_name_.emplace(what.name, families_.size());
  if (is_new_family) families_.push_back({what.name, what.help, type, {}});
  std::vector<prometheus::ClientMetric>& all = families_[family->second].metric;
  const auto [at, is_new] = by_labels_.emplace(std::pair(family->second, of), all.size());
  if (is_new) {
    all.emplace_back();
    for (const auto& [name, value] : of) all.back().label.push_back({name, value});
  }
  return all[at->second];
}

void metric_families::histogram(const metric& what, const labels& of, const duration_counts& value) {
  prometheus::ClientMetric::Histogram& into = series(what, prometheus::MetricType::Histogram, of).histogram;
  if (into.bucket.empty()) {
    for (const int64_t bound : duration_bounds_us) into.bucket.push_back({0, seconds(bound)});
    into.bucket.push_back({0, std::numeric_limits<double>::infinity()});
  }
  uint64_t cumulative = 0;
  for (size_t i = 0; i < value.counts.size(); ++i) {
    cumulative += value.counts[i];
    into.bucket[i].cumulative_count += cumulative;
  }
  into.sample_count += cumulative;
  into.sample_sum += seconds(value.sum_us);
}

}  // namespace systole
