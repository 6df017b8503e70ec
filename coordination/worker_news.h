#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "coordination/control_messages.h"

namespace systole {

/// What a step of a job has done, over its subtasks. Counts go on over attempts as long as a process lives.
struct step_figures {
  std::string step;
  uint64_t in = 0;
  uint64_t out = 0;
  uint64_t rejected = 0;
  uint64_t late = 0;
  std::chrono::nanoseconds busy{0};
  std::chrono::nanoseconds backpressured{0};
  std::optional<timestamp_us> watermark;  ///< the lowest
  uint64_t state_bytes = 0;
  uint64_t queue_bytes = 0;
  std::optional<uint64_t> lag_records;  ///< sources
};
/// Adds up what two processes have of a step.
void add_figures(step_figures& to, const step_figures& more);

/// What a worker tells of itself for people to look at, once a second: nothing is decided by it, and what is lost is
/// lost.
struct worker_news {
  std::string name;
  incarnation_id process;  ///< of the process: stays when it registers anew
  std::map<job_id, std::vector<step_figures>> jobs;
  std::vector<logged_line> lines;  ///< new ones, oldest first

  static constexpr size_t most_lines = 100;  ///< in one message; the rest comes with the next
};

/// The wire form; no worker_message begins as it does.
std::string encode(const worker_news& what);
bool is_worker_news(std::string_view bytes);
result<worker_news> decode_worker_news(std::string_view bytes);

}  // namespace systole
