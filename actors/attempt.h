#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/crash_points.h"
#include "actors/duration_histogram.h"
#include "actors/task.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "connectors/sink.h"
#include "coordination/checkpoint_coordinator.h"
#include "coordination/deployment.h"
#include "proto/checkpoint.pb.h"
#include "state/store/checkpoint_store.h"

namespace systole {

/// How one attempt of a job ended.
struct attempt_result {
  enum class kind { finished, stopped, failed } how = kind::failed;
  std::optional<failure> cause;                           ///< the first failure
  epoch_id next_epoch;                                    ///< what the next attempt may use
  std::shared_ptr<const proto::CheckpointMetadata> last;  ///< of the last epoch completed in this attempt, or null
  bool actors_left = false;                               ///< the shutdown deadline passed: a thread hangs in a call
};

/// Checkpoint figures for progress displays and metrics; written by the job's actor, read by any thread.
struct checkpoint_counters {
  std::atomic<uint64_t> last_epoch{0};
  std::atomic<uint64_t> completed{0};  ///< epochs in this process
  std::atomic<int64_t> last_duration_us{0};
  std::atomic<int64_t> last_completed_us{0};  ///< clock's now_us; 0: none yet
  std::atomic<int64_t> restored_us{0};        ///< when the epoch was completed that the job began with; 0: none
  std::atomic<uint64_t> last_bytes{0};        ///< of all files of the last epoch
  std::atomic<uint64_t> failed{0};            ///< epochs that were given up
  duration_histogram duration;
  struct sink {
    std::atomic<uint64_t> errors{0};  ///< failed commits; those of shards are in their tasks' counters
    duration_histogram commit;
  };
  std::vector<sink> sinks;  ///< as attempt_parts::sinks, in the plan's order; none is ever added
  explicit checkpoint_counters(size_t sink_count = 0) : sinks(sink_count) {}
};

/// Where the waiting thread gets the result. Thread-safe.
class attempt_end {
 public:
  void set(attempt_result how);
  /// The result, or nothing after `wait`.
  std::optional<attempt_result> wait_for(std::chrono::milliseconds wait);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<attempt_result> result_;
};

/// A sink of the job for one attempt.
struct job_sink {
  uint32_t node = 0;
  std::string step;
  std::unique_ptr<sink_committer> committer;
  bool shards_commit = false;  ///< the committer only recovers
};

/// Everything that a job's actor runs. References outlive it.
struct attempt_parts {
  const deployment* whole = nullptr;
  std::vector<std::unique_ptr<task>> tasks;  ///< by index
  std::vector<bool> detached;                ///< of the tasks
  std::vector<job_sink> sinks;
  checkpoint_store* store = nullptr;
  const clock* time = nullptr;
  const crash_points* crash = nullptr;
  checkpoint_coordinator::settings checkpoints;
  std::vector<proto::FileReference> to_verify;  ///< base files, read in the background
  std::string job;
  uint32_t max_parallelism = 128;
  uint32_t retained = 3;
  term_id term;
  uint32_t state_writers = 1;
  std::chrono::milliseconds shutdown_deadline{10'000};
  std::shared_ptr<attempt_end> end;
  std::shared_ptr<checkpoint_counters> counters;
  /// Set when the attempt ends: connectors that wait for others give up then.
  std::shared_ptr<std::atomic<bool>> ended = std::make_shared<std::atomic<bool>>(false);
};

/// A random name for a checkpoint: 32 hexadecimal digits.
std::string make_uuid();

}  // namespace systole
