// Why attempts failed: coordinator_shell's part of what outlives it. Attempts are timed by a clock that does not jump; users
// and the job's log have the other one.
#include <utility>

#include "actors/coordinator/coordinator_shell.h"
#include "base/log.h"

namespace systole {

timestamp_us coordinator_shell::wall_clock_is_ahead_us() const { return core_->components.time->now_us() - now_us(); }

/// A storage that is full fails jobs, not their coordinator: without this record the log is as good as before.
void coordinator_shell::keep_cause(job_id job, attempt_failure failed) {
  failed.at_us += wall_clock_is_ahead_us();
  by_keeper<result<void>>(
      job, [failed = std::move(failed)](job_keeper& keeper) { return keeper.keep_cause(failed); },
      [job](coordinator_shell& shell, result<void> done) {
        if (done) return;
        if (done.error().code == error_code::fenced) return shell.on_lost(job, done.error());
        log_line(log_level::warning, "coordinator",
                 "job " + shell.entries_.at(job).name + ": a failure is not in its log: " + done.error().message);
      });
}

std::vector<attempt_failure> coordinator_shell::failures_of(const entry& of, const job_control& job) const {
  std::vector<attempt_failure> made = of.earlier_failures;
  const timestamp_us ahead = wall_clock_is_ahead_us();
  for (const attempt_failure& each : job.causes()) {
    made.push_back(each);
    made.back().at_us += ahead;
  }
  if (made.size() > kept_failures) made.erase(made.begin(), made.end() - kept_failures);
  return made;
}

}  // namespace systole
