#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "coordination/barrier.h"
#include "proto/checkpoint.pb.h"

/// What coordinator and workers tell each other (proto/control.proto is their wire form). All may be lost, doubled or
/// late: orders say what is wanted, reports what is, and both are repeated until they agree. Every message to a worker
/// carries the sender's term; every message about tasks carries their attempt. None holds a record's text.
namespace systole {

/// One submission of a job; never used again, also not for a job of the same name.
using job_id = strong_id<struct job_tag, uint64_t>;

/// One life of a worker process: random bits, never an address or a process id (docs/decisions/0010).
struct incarnation_id {
  uint64_t high = 0, low = 0;
  friend auto operator<=>(const incarnation_id&, const incarnation_id&) = default;
};

/// Names one attempt of a job: its number in the checkpoint log and the term that started it. The term stays as it is
/// when a later coordinator adopts the attempt. Later attempts compare higher.
struct attempt_stamp {
  term_id term;
  attempt_id attempt;
  friend auto operator<=>(const attempt_stamp&, const attempt_stamp&) = default;
};

/// What a coordinator wants of the tasks that a worker has of an attempt.
enum class attempt_goal : uint8_t {
  prepared,  ///< built, restored, their shards fenced; no row moves
  running,   ///< told only once all workers of the attempt have prepared
  ended,
};

/// How far a worker is with its tasks of an attempt.
enum class attempt_phase : uint8_t { preparing, prepared, running, failed, ending };

// ---- worker -> coordinator

/// A worker's tasks of one attempt; a worker has at most one attempt of a job. A job that is not in a report has no
/// task on that worker.
struct attempt_report {
  job_id job;
  attempt_stamp stamp;
  attempt_phase phase = attempt_phase::preparing;
  std::vector<uint32_t> tasks;     ///< indices within the job
  std::vector<uint32_t> finished;  ///< of these: whose input has ended and is passed on
  epoch_id closed;                 ///< what it knows of order.closed and order.committed
  epoch_id committed;
  bool drained = false;
  bool stopping = false;  ///< a barrier of kind `stop` has passed its sources: they read no more
  bool paused = false;
  bool wants_epoch = false;      ///< an outbox fills
  bool pressed = false;          ///< an outbox is near its limit: the sources are to pause
  bool inputs_ended = false;     ///< its sources have ended, but for tables that are refreshed
  std::optional<failure> cause;  ///< where it failed: the first failure
};

/// Registers a worker and keeps it alive: at each interval and at each change, to all coordinators it knows.
struct worker_report {
  incarnation_id incarnation;
  std::string name;  ///< stays over restarts: where warm state is
  std::string address;  ///< where other workers connect to it
  std::string node;  ///< host, rack: what tasks are spread over
  uint32_t slots = 0;
  uint64_t sequence = 0;  ///< of this incarnation's reports; an older one that comes later is ignored
  bool leaving = false;   ///< SIGTERM: wants to be rid of its tasks
  term_id term;           ///< the highest it has heard of
  std::vector<attempt_report> attempts;
};

/// A task's part of an epoch is durable.
struct epoch_part {
  incarnation_id incarnation;
  job_id job;
  attempt_stamp stamp;
  epoch_id epoch;
  uint32_t task = 0;
  std::shared_ptr<const proto::TaskSnapshot> facts;
};

/// A task's sinks that commit by themselves have published an epoch.
struct commit_part {
  incarnation_id incarnation;
  job_id job;
  attempt_stamp stamp;
  epoch_id epoch;
  uint32_t task = 0;
};

/// The sender's term is over.
struct stale_notice {
  term_id term;  ///< the higher one
};

using worker_message = std::variant<worker_report, epoch_part, commit_part, stale_notice>;

// ---- coordinator -> worker

/// Answers a report. Not welcome: this incarnation was given up; end all tasks and come back with a new one.
struct worker_greeting {
  term_id term;
  incarnation_id incarnation;
  bool welcome = true;
  std::string storage;      ///< the cluster's shared directory
  std::string checkpoints;  ///< where in a bucket the jobs' checkpoints are; empty: in the directory
};

/// A worker of an attempt, for the others.
struct attempt_peer {
  incarnation_id incarnation;
  std::string address;
  std::vector<uint32_t> tasks;
};

/// What is wanted of a worker's tasks. Sent at each change, and again whenever a report differs from it.
struct attempt_order {
  term_id term;
  incarnation_id to;  ///< another one ignores it
  job_id job;
  attempt_stamp stamp;
  attempt_goal goal = attempt_goal::prepared;
  std::vector<uint32_t> tasks;      ///< that this worker has; empty where goal is ended
  std::vector<attempt_peer> peers;  ///< all workers of the attempt, this one too; where goal is prepared
  epoch_id restore;                 ///< what to prepare from; 0: nothing
  uint32_t parallelism = 0;         ///< 0: the manifest's
  bool drain = false;               ///< the input ends here
  bool pause = false;               ///< an outbox somewhere is full: read no sources
  bool all_paused = false;          ///< and all sources have
  bool inputs_ended = false;        ///< of all workers: tables that are refreshed end, too
  epoch_id closed;                  ///< no epoch up to this one will be completed any more, but for those that are
  epoch_id committed;               ///< the last that all sinks have committed: outboxes up to it may go
};

/// One step of an epoch; repeated until the parts have come.
struct epoch_order {
  enum class kind : uint8_t {
    trigger,  ///< cut at the sources; parts that are durable already are reported again
    commit,   ///< it is complete: sinks that commit by themselves publish it
  };
  term_id term;
  incarnation_id to;
  job_id job;
  attempt_stamp stamp;
  kind what = kind::trigger;
  barrier cut;
  epoch_id previous;
};

/// A checkpoint's name, from what is never used again: 32 hexadecimal digits.
std::string checkpoint_uuid(job_id job, epoch_id epoch);

using coordinator_message = std::variant<worker_greeting, attempt_order, epoch_order>;

// ---- user -> coordinator

/// What a user wants of a job. The id makes a repeated request harmless: it gets the first one's answer.
struct job_request {
  enum class kind : uint8_t { stop, drain, cancel, savepoint, rescale, resume };
  std::string id;
  kind what = kind::stop;
  uint32_t parallelism = 0;  ///< rescale
};

}  // namespace systole
