#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "coordination/attempt_members.h"
#include "coordination/checkpoint_coordinator.h"
#include "coordination/checkpoint_history.h"
#include "coordination/control_messages.h"
#include "coordination/placement.h"
#include "coordination/restart_policy.h"

namespace systole {

/// One job at the coordinator that leads, from its log to its end: waits for slots, starts attempts, has epochs cut,
/// stored and committed, restarts after failures, adopts an attempt that runs already, and does what users ask. What
/// outlives a coordinator goes to the job's log first, and counts only once it is there. Pure; one thread.
///
/// Exists once the shell has appended `led` with this term to the job's log and read it: no other coordinator can
/// complete an epoch or start an attempt since.
class job_control {
 public:
  enum class state {
    adopting,   ///< an attempt may be running: waits for the workers to say so
    waiting,    ///< for slots; missing() says how many
    recording,  ///< the attempt's number goes to the log
    deploying,  ///< workers prepare, sinks recover
    launching,  ///< all are prepared: rows begin to move
    running,
    restarting,  ///< the attempt failed: waits until the next
    replanning,  ///< for the shape at another parallelism
    ending,      ///< workers let go, and the last epoch is committed
    finished,    ///< all input was processed
    stopped,     ///< can be resumed
    cancelled,
    failed,  ///< gave up; can be resumed
  };

  struct settings {
    job_id job;
    restart_policy::settings restarts;
    int64_t checkpoint_interval_us = 10'000'000;
    int64_t checkpoint_timeout_us = 300'000'000;
    int64_t adoption_wait_us = 2'000'000;     ///< for all workers of a running attempt to report
    int64_t deploy_timeout_us = 300'000'000;  ///< from orders to prepared
    int64_t end_timeout_us = 30'000'000;      ///< for workers to let go: then it is said without them
    int64_t repeat_us = 500'000;              ///< unanswered epoch orders
  };
  struct sink {
    bool shards_commit = false;   ///< by their tasks; else by a committer at the coordinator
    std::vector<uint32_t> tasks;  ///< that have it
  };
  /// The job's plan as far as this class goes; at one parallelism.
  struct shape {
    std::vector<placed_task> tasks;
    std::vector<sink> sinks;
  };
  /// What the job's log and the last epoch's metadata say.
  struct origin {
    checkpoint_history history;
    epoch_id previous;                                  ///< of the last completed epoch
    barrier_kind last_kind = barrier_kind::checkpoint;  ///< of the last completed epoch
  };

  // What the shell is to do.
  struct log_append {  ///< append to the job's log: `started`, `asked` or `finished`; then on_recorded
    proto::LogRecord what;
  };
  struct keep_cause {  ///< append it to the job's log as `failed`; no answer, for nothing waits for it
    attempt_failure what;  ///< its time is on the clock of the calls
  };
  struct recover_sinks {  ///< commit the last complete epoch again, or begin anew; then on_sinks_recovered
    epoch_id last;
  };
  struct make_shape {  ///< plan at a parallelism (0: the manifest's); then on_shape
    uint32_t parallelism = 0;
  };
  struct send {
    incarnation_id to;
    coordinator_message what;
  };
  struct store {  ///< write the metadata, append `completed`; then on_stored
    barrier cut;
    epoch_id previous;
    std::vector<std::shared_ptr<const proto::TaskSnapshot>> facts;  ///< by task
    bool drained = false;
    bool savepoint = false;  ///< a user wants it kept
  };
  struct commit {  ///< a sink whose committer is here; then on_committed
    uint32_t sink = 0;
    barrier cut;
    epoch_id previous;
  };
  struct collect {  ///< all sinks have committed: what no kept epoch needs may go
    epoch_id committed;
  };
  struct answer {
    std::string request;
    std::optional<failure> refused;
    epoch_id epoch;  ///< of a savepoint
  };
  using action = std::variant<log_append, keep_cause, recover_sinks, make_shape, send, store, commit, collect, answer>;
  using actions = std::vector<action>;

  job_control(const settings& with, term_id term, shape made, const origin& from, timestamp_us now_us);
  /// Call once, first.
  actions open(timestamp_us now_us);

  // From workers; only of incarnations that are alive.
  /// What a worker has of this job; null: nothing.
  actions on_report(incarnation_id from, const std::string& name, const attempt_report* report, timestamp_us now_us);
  actions on_part(const epoch_part& part, timestamp_us now_us);
  actions on_commit_part(const commit_part& part, timestamp_us now_us);
  actions on_worker_gone(incarnation_id worker, timestamp_us now_us);
  /// A worker wants to leave: an epoch, then a new attempt without it.
  actions on_worker_leaving(incarnation_id worker, timestamp_us now_us);

  // From the cluster: an answer to wants_slots().
  actions on_placed(std::vector<attempt_members::member> members, timestamp_us now_us);
  void on_missing(const missing_slots& missing) { missing_ = missing; }

  // From the shell. A log that turns out to be another's ends this object: see cluster_control.
  actions on_recorded(timestamp_us now_us);
  /// `last`: as the action said.
  actions on_sinks_recovered(epoch_id last, std::optional<failure> cause, timestamp_us now_us);
  actions on_shape(uint32_t parallelism, result<shape> made, timestamp_us now_us);
  /// A cause only where it is known that the record is not in the log; where that is unknown, the shell reads it first.
  actions on_stored(epoch_id epoch, std::optional<failure> cause, timestamp_us now_us);
  actions on_committed(uint32_t which_sink, epoch_id epoch, std::optional<failure> cause, timestamp_us now_us);
  actions on_time(timestamp_us now_us);

  // From users.
  actions on_request(const job_request& request, timestamp_us now_us);

  /// When on_time has something to do; the largest time for never.
  timestamp_us next_wakeup_us() const;
  state current() const { return state_; }
  bool wants_slots() const { return state_ == state::waiting; }
  const shape& tasks() const { return shape_; }
  const missing_slots& missing() const { return missing_; }
  attempt_stamp stamp() const { return members_.stamp(); }
  const attempt_members& members() const { return members_; }
  /// True while workers' slots are taken.
  bool holds_slots() const;
  /// Slots of a worker that it takes.
  uint32_t slots_on(incarnation_id worker) const;
  /// What a sink asks before it takes its producers' id back: only a current attempt may. The shell answers yes only
  /// after it has seen that the job's log holds no higher term.
  bool is_current(attempt_stamp stamp) const;
  epoch_id last_completed() const { return last_completed_; }
  epoch_id last_committed() const { return committed_; }
  /// Of attempts that failed while this coordinator led, the last ones; those before are in the job's log.
  const std::vector<attempt_failure>& causes() const { return restarts_.causes(); }
  /// Attempts that failed while this coordinator led.
  uint64_t failures() const { return restarts_.failures(); }
  const std::string& reason() const { return reason_; }

  /// Answers that are remembered; user requests not answered yet.
  static constexpr size_t kept_answers = 64;
  static constexpr size_t most_pending = 64;

 private:
  enum class wish { run, stop, cancel };
  struct wanted_savepoint {
    std::string request;
    epoch_id after;  ///< any epoch after this one will do
  };

  bool attempt_alive() const {
    return state_ == state::deploying || state_ == state::launching || state_ == state::running;
  }
  bool ended() const {
    return state_ == state::finished || state_ == state::stopped || state_ == state::cancelled ||
           state_ == state::failed;
  }
  /// The attempt under way is to be followed by another: other parallelism, or a worker that leaves.
  bool moving() const { return wanted_parallelism_ != parallelism_ || leaving_; }

  void on_adoptable(incarnation_id from, const std::string& name, const attempt_report& report, timestamp_us now_us,
                    actions& out);
  void become_running(std::optional<barrier> uncommitted, timestamp_us now_us, actions& out);
  void look_at_members(timestamp_us now_us, actions& out);
  void fail_attempt(failure cause, timestamp_us now_us, actions& out);
  void try_later(const failure& cause, timestamp_us now_us, actions& out);
  void let_go(actions& out);
  void next_attempt(timestamp_us now_us, actions& out);
  void deploy(timestamp_us now_us, actions& out);
  void begin_ending(state then, timestamp_us now_us, actions& out);
  void maybe_ended(timestamp_us now_us, actions& out);
  void arrive(timestamp_us now_us, actions& out);
  void end_order(incarnation_id to, attempt_stamp stamp, actions& out) const;
  void send_orders(actions& out);

  void perform(const checkpoint_coordinator::actions& what, timestamp_us now_us, actions& out);
  void perform_one(const checkpoint_coordinator::action& what, timestamp_us now_us, actions& out);
  void commit_epoch(const checkpoint_coordinator::action& what, actions& out);
  void all_committed(actions& out);
  void send_epoch_orders(timestamp_us now_us, actions& out);

  void append(proto::LogRecord what, actions& out);
  void obey_recorded(const proto::LogRecord& what, timestamp_us now_us, actions& out);
  void obey(timestamp_us now_us, actions& out);
  void reply(const std::string& request, std::optional<failure> refused, epoch_id epoch, actions& out);

  settings with_;
  term_id term_;
  shape shape_;
  restart_policy restarts_;
  state state_ = state::waiting;
  state after_ending_ = state::stopped;
  wish wish_ = wish::run;
  bool drain_ = false;
  bool leaving_ = false;
  uint32_t parallelism_ = 0;
  uint32_t wanted_parallelism_ = 0;
  missing_slots missing_;
  std::string reason_;

  attempt_members members_;
  uint64_t attempts_ = 0;                        ///< as the log counts them
  std::vector<attempt_members::member> placed_;  ///< while the attempt's number is recorded
  bool deploy_when_stored_ = false;
  bool sinks_recovered_ = false;
  bool recovering_sinks_ = false;
  timestamp_us deadline_us_;
  timestamp_us repeat_at_us_;

  std::optional<checkpoint_coordinator> checkpoints_;
  std::vector<std::shared_ptr<const proto::TaskSnapshot>> facts_;  ///< of the epoch under way, by task
  std::optional<checkpoint_coordinator::action> committing_;
  std::vector<std::vector<bool>> shard_committed_;  ///< by sink, then by its tasks; empty: its committer is here
  epoch_id last_completed_;
  epoch_id previous_;
  barrier_kind last_kind_ = barrier_kind::checkpoint;
  epoch_id committed_;
  epoch_id next_epoch_;
  std::optional<barrier> storing_;  ///< also when its attempt is over: the next one waits for the outcome

  std::deque<proto::LogRecord> records_;  ///< the first is on its way
  std::deque<wanted_savepoint> savepoints_;
  std::deque<answer> answers_;
};

}  // namespace systole
