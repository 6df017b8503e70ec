#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "coordination/worker_news.h"

namespace systole {

/// A line of one of the cluster's processes.
struct process_line {
  std::string process;  ///< a worker's name, or "coordinator"
  logged_line what;
};

/// What a step does, by the last two news of each worker; 0 where there are not two yet.
struct step_rates {
  double in = 0;             ///< records a second
  double out = 0;            ///< the same
  double busy = 0;           ///< seconds a second: 2 where two subtasks do nothing else
  double backpressured = 0;  ///< the same
};
struct step_activity {
  step_figures so_far;
  step_rates now;
};

/// What a coordinator has heard of its workers for people to look at. Bounded; forgets who is silent. One thread.
class news_board {
 public:
  static constexpr size_t most_workers = 1000;
  static constexpr size_t lines_of_worker = 500;
  static constexpr timestamp_us figures_valid_us = 10'000'000;

  void on_news(worker_news what, timestamp_us now_us);
  /// The figures of a job, summed over workers; steps in the order of `steps`, those that nobody told of with zeros.
  /// `workers`: how many told.
  std::vector<step_activity> figures(job_id job, const std::vector<std::string>& steps, timestamp_us now_us,
                                   uint32_t* workers) const;
  /// The last lines of a worker (empty: of all), by time. A worker that was started anew begins with number 1 again.
  std::vector<process_line> lines(const std::string& worker) const;

 private:
  using figures_of_jobs = std::map<job_id, std::vector<step_figures>>;
  struct worker {
    incarnation_id process;
    timestamp_us heard_us = 0;
    figures_of_jobs jobs;
    timestamp_us before_us = 0;
    figures_of_jobs before;  ///< what the process told at that time
    std::deque<logged_line> lines;
    uint64_t last_line = 0;
  };
  static void add_rates(step_rates& to, const step_figures& now, job_id job, const worker& of);
  std::map<std::string, worker> workers_;
};

}  // namespace systole
