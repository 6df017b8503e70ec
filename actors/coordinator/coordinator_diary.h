#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordination/cluster_control.h"
#include "coordination/cluster_service.h"

namespace systole {

/// Writes what becomes of a cluster's workers and jobs to the log, once each: who came and went, why an attempt failed, what a
/// job does now. One for each term; one thread.
class coordinator_diary {
 public:
  void on_workers(const std::map<incarnation_id, cluster_control::worker>& all);
  void on_job(const job_summary& job, const std::vector<attempt_failure>& causes);

 private:
  struct told_job {
    std::string state;
    uint64_t attempt = 0;
    timestamp_us failed_at_us = 0;
    std::string reason;
  };
  std::map<incarnation_id, cluster_control::worker> workers_;
  std::map<job_id, told_job> jobs_;
};

}  // namespace systole
