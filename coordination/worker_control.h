#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "coordination/control_messages.h"

namespace systole {

/// A worker's side of the cluster: which attempt of each job is current here, what the shell is to do with its tasks,
/// and what the coordinators are told. Orders of lower terms are refused (and the sender told), those of older attempts
/// ignored, repeated ones harmless. A newer attempt ends the older one first, and is prepared once that has let go.
///
/// Without a coordinator nothing changes: tasks go on, epochs pause, outboxes fill until their limit pauses the
/// sources. Nothing that such a worker does becomes visible, for commits come from a coordinator that completed the
/// epoch. It goes on reporting what it runs, and a later coordinator adopts that or ends it (docs/decisions/0010).
/// Pure; one thread.
class worker_control {
 public:
  struct settings {
    incarnation_id incarnation;
    std::string name;
    std::string address;
    std::string node;
    uint32_t slots = 0;
    int64_t report_interval_us = 200'000;
  };

  // What the shell is to do.
  struct prepare {  ///< build the tasks, restore, fence their shards; then on_prepared or on_failed
    attempt_order order;
  };
  struct run {
    job_id job;
    attempt_stamp stamp;
  };
  struct end {  ///< end the tasks, also while they are being prepared; then on_ended, once none touches anything any
                ///< more
    job_id job;
    attempt_stamp stamp;
  };
  struct drain {
    job_id job;
  };
  struct pause {
    job_id job;
    bool on = false;
  };
  struct sources_paused {  ///< all of them: tasks with a pressed outbox may give credit again
    job_id job;
  };
  struct inputs_ended {  ///< of all workers: tables that are refreshed end, too
    job_id job;
  };
  struct close {  ///< tasks forget epochs up to `closed`; outboxes up to `committed` may go
    job_id job;
    epoch_id closed;
    epoch_id committed;
  };
  struct trigger {  ///< the barrier goes to the tasks with sources
    job_id job;
    barrier cut;
  };
  struct commit {  ///< sinks that commit by themselves; then on_committed for each task that has some
    job_id job;
    barrier cut;
    epoch_id previous;
  };
  struct send {  ///< reports to all coordinators, the rest to the one that leads
    worker_message what;
  };
  struct renew {};      ///< was given up: take a new incarnation, then on_renewed
  struct may_leave {};  ///< after on_leave: no task is left
  using action =
      std::variant<prepare, run, end, drain, pause, sources_paused, inputs_ended, close, trigger, commit, send, renew,
                   may_leave>;
  using actions = std::vector<action>;

  explicit worker_control(const settings& with) : with_(with) {}

  // From coordinators.
  actions on_message(const coordinator_message& what, timestamp_us now_us);
  // From the shell.
  actions on_prepared(job_id job, attempt_stamp stamp, timestamp_us now_us);
  actions on_ended(job_id job, attempt_stamp stamp, timestamp_us now_us);
  /// A task failed, a frame was missing, a peer's connection is gone: the first failure counts.
  actions on_failed(job_id job, attempt_stamp stamp, failure cause, timestamp_us now_us);
  actions on_finished(job_id job, attempt_stamp stamp, uint32_t task, timestamp_us now_us);
  actions on_part(job_id job, attempt_stamp stamp, epoch_id epoch, uint32_t task,
                  std::shared_ptr<const proto::TaskSnapshot> facts);
  actions on_committed(job_id job, attempt_stamp stamp, epoch_id epoch, uint32_t task);
  /// An outbox fills (`wants`), is near its limit (`pressed`), or not any more.
  actions on_outboxes(job_id job, attempt_stamp stamp, bool wants_epoch, bool pressed, timestamp_us now_us);
  /// All tasks here whose sources do not serve others have come to their end (at once where there is none).
  actions on_inputs_ended(job_id job, attempt_stamp stamp, timestamp_us now_us);
  actions on_renewed(incarnation_id incarnation, timestamp_us now_us);
  /// SIGTERM.
  actions on_leave(timestamp_us now_us);
  actions on_time(timestamp_us now_us);

  timestamp_us next_wakeup_us() const { return next_report_us_; }
  term_id term() const { return term_; }
  incarnation_id incarnation() const { return with_.incarnation; }
  /// The attempt whose tasks may run here now; frames of all others are dropped.
  std::optional<attempt_stamp> current(job_id job) const;
  size_t jobs() const { return held_.size(); }

  /// Jobs whose last ended attempt is remembered.
  static constexpr size_t kept_fences = 4096;

 private:
  struct tasks_held {
    attempt_report told;                ///< as it is reported
    std::optional<attempt_order> next;  ///< waits for the end of this one
    epoch_id open;                      ///< the epoch that parts are kept of
    bool triggered = false;
    bool all_paused = false;
    bool all_inputs_ended = false;
    std::map<uint32_t, std::shared_ptr<const proto::TaskSnapshot>> parts;
    epoch_id committing;
    std::vector<uint32_t> commit_parts;
  };

  bool heed(term_id term, actions& out);
  void on_greeting(const worker_greeting& greeting, actions& out);
  void on_order(const attempt_order& order, actions& out);
  void on_epoch(const epoch_order& order, actions& out);
  void adjust(tasks_held& held, const attempt_order& order, actions& out);
  void begin(const attempt_order& order, actions& out);
  void begin_end(tasks_held& held, actions& out);
  void open_epoch(tasks_held& held, epoch_id epoch);
  tasks_held* find(job_id job, attempt_stamp stamp);
  void report(timestamp_us now_us, actions& out);
  void fence(job_id job, attempt_stamp stamp);

  settings with_;
  term_id term_;
  uint64_t reports_ = 0;
  bool leaving_ = false;
  bool retired_ = false;  ///< silent until all has ended and a new incarnation is taken
  bool renewing_ = false;
  timestamp_us next_report_us_ = 0;
  std::map<job_id, tasks_held> held_;
  std::map<job_id, attempt_stamp> fences_;  ///< attempts up to these have ended here
};

}  // namespace systole
