#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/job_metrics.h"
#include "base/clock.h"
#include "connectors/gauge_board.h"

namespace systole {

/// All that one process exposes: a worker the parts of jobs that it runs, a coordinator the jobs that it leads, `run` both.
struct process_metrics {
  std::string version;
  std::vector<job_metrics> tasks;
  std::vector<job_control_metrics> jobs;
  std::optional<worker_metrics> worker;
  std::vector<std::shared_ptr<const shown_gauges>> results;  ///< of metrics sinks: gauge_board::read()
};

/// The values of systole_job_state's label: names of job_control::state.
extern const std::vector<std::string> job_states;

/// The Prometheus text format, version 0.0.4. Labels are job_name, step, state, reason, status and rule, so that the number
/// of series is bounded by the manifests; those of metrics sinks are bounded by their maxSeries. `now_us`: for lags.
std::string prometheus_text(const process_metrics& from, timestamp_us now_us);
inline constexpr const char* prometheus_content_type = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace systole
