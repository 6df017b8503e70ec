#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "coordination/control_messages.h"
#include "coordination/news_board.h"
#include "coordination/plan_difference.h"
#include "coordination/restart_policy.h"
#include "coordination/saved_state.h"
#include "coordination/tap_sessions.h"
#include "data/dead_letter_entry.h"
#include "proto/plan.pb.h"

/// What a cluster can be asked from outside: the seam between the coordinator and its REST API.
namespace systole {

/// What a user submits: manifests as text, so that errors point into them.
struct job_submission {
  struct file {
    std::string name;  ///< as errors call it
    std::string text;
  };
  std::vector<file> files;
  std::string directory;  ///< what relative paths in the manifest are relative to, as the cluster's machines see it
  std::map<std::string, std::string> parameters;
  uint32_t parallelism = 0;  ///< 0: the manifest's
  std::string request;       ///< makes a repeated submission harmless; empty: none
  /// A job's id or name, or a directory with checkpoints that the coordinator sees; with :EPOCH one of its checkpoints,
  /// else its last one. Empty: a stopped job of the same name, if there is one.
  std::string from_savepoint;
  bool allow_drop_state = false;
  bool dry_run = false;      ///< check all, start nothing
};

/// What became of a submission, or would where it was a dry run.
struct submission_outcome {
  std::optional<job_id> job;
  std::string name;
  std::vector<std::string> problems;  ///< file:line:column: error[SYSnnnn]: ...
  std::string changes;                ///< beside the saved state that it starts from, or of the job of that name; may be empty
  bool refused = false;               ///< for its problems; else these are warnings
};

/// A manifest beside a job: its plan, and the job's last saved state.
struct job_difference {
  std::vector<std::string> problems;  ///< of the manifest; where it is refused there is nothing else
  bool refused = false;
  std::vector<step_difference> steps;
  epoch_id epoch;                ///< the checkpoint that is compared with; 0: there is none
  saved_state_comparison state;  ///< where there is a checkpoint
  std::string refusal;           ///< why the manifest cannot go on from it; empty: it can
};

struct checkpoint_summary {
  epoch_id epoch;
  bool savepoint = false;
  timestamp_us completed_at_us = 0;
  int64_t duration_us = 0;  ///< 0 where another coordinator took it
  uint64_t bytes = 0;       ///< of all its files, those shared with older ones too
  std::map<std::string, uint64_t> step_bytes;
};

struct job_summary {
  job_id id;
  std::string name;
  std::string state;   ///< as job_control::state is called: running, restarting, ...
  std::string reason;  ///< why it waits, failed or restarts; never a record's text
  uint32_t parallelism = 0;
  uint64_t attempt = 0;
  uint64_t restarts = 0;
  epoch_id last_completed;
  epoch_id last_committed;
  timestamp_us submitted_at_us = 0;
  timestamp_us last_completed_at_us = 0;
};

struct job_details : job_summary {
  struct task {
    uint32_t index = 0;
    uint32_t stage = 0;
    uint32_t subtask = 0;
    std::vector<std::string> steps;
    std::string worker;  ///< its name; empty: none
    std::string phase;
  };
  std::vector<task> tasks;
  std::vector<attempt_failure> failures;  ///< root causes, oldest first
  std::vector<checkpoint_summary> checkpoints;
  std::shared_ptr<const proto::PhysicalPlan> plan;
};

/// What the steps of a job do, as the workers told it last.
struct job_figures {
  std::string job;
  std::string state;
  timestamp_us at_us = 0;
  uint32_t workers = 0;  ///< that have told
  std::vector<step_activity> steps;
};

struct log_query {
  static constexpr uint32_t most_allowed = 2'000;
  std::string process;  ///< a worker's name, or "coordinator"; empty: all
  uint32_t most = most_allowed;
};

struct worker_summary {
  std::string name;
  std::string address;
  std::string node;
  std::string incarnation;
  uint32_t slots = 0;
  uint32_t slots_used = 0;
  bool leaving = false;
};

struct cluster_summary {
  bool leads = false;
  uint64_t term = 0;
  std::string leader;  ///< where its REST API is, as far as known; empty: not known
  uint32_t workers = 0;
  uint32_t slots = 0;
  uint32_t slots_used = 0;
  uint32_t jobs = 0;
};

/// Thread-safe. Each call answers once, later, on a thread of the coordinator (where nothing may block), or with
/// `unavailable` where this coordinator does not lead. Jobs are called by id or by name (the latest of that name).
class cluster_service {
 public:
  template <class T>
  using answer = std::function<void(result<T>)>;
  virtual ~cluster_service() = default;

  virtual void submit(job_submission what, answer<submission_outcome> then) = 0;
  virtual void jobs(answer<std::vector<job_summary>> then) = 0;
  virtual void job(std::string which, answer<job_details> then) = 0;
  /// stop, drain, cancel, savepoint, rescale, resume. Answers once it is recorded (a savepoint: once it is complete), with
  /// a savepoint's epoch, else 0.
  virtual void request(std::string which, job_request what, answer<epoch_id> then) = 0;
  /// Forgets an ended job and removes its state.
  virtual void remove(std::string which, answer<bool> then) = 0;
  /// What a manifest would change in a job, running or not; changes nothing.
  virtual void compare(std::string which, job_submission what, answer<job_difference> then) = 0;
  virtual void remove_savepoint(std::string which, epoch_id epoch, answer<bool> then) = 0;
  virtual void figures(std::string which, answer<job_figures> then) = 0;
  /// The last lines of the processes, oldest first; this coordinator's own where it does not lead.
  virtual void logs(log_query what, answer<std::vector<process_line>> then) = 0;
  /// Published entries of the job's dead letter, whether it runs or not.
  virtual void dead_letter(std::string which, dead_letter_query what, answer<dead_letter_page> then) = 0;
  /// Rows of a step, while it runs. `incompatible` where the cluster does not allow it.
  virtual void tap(std::string which, tap_request what, answer<tap_opening> then) = 0;
  virtual void workers(answer<std::vector<worker_summary>> then) = 0;
  virtual void cluster(answer<cluster_summary> then) = 0;
};

}  // namespace systole
