#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "actors/crash_points.h"
#include "actors/dead_letter.h"
#include "actors/exchange.h"
#include "actors/sink_meter.h"
#include "actors/task_counters.h"
#include "base/safeguards.h"
#include "connectors/sink.h"
#include "connectors/source.h"
#include "coordination/barrier_alignment.h"
#include "coordination/deployment.h"
#include "coordination/outbox_gate.h"
#include "operators/operator_chain.h"
#include "proto/checkpoint.pb.h"
#include "state/task_state.h"

namespace systole {

/// A task's part of an epoch on its way to the store: what the state thread makes durable.
struct snapshot_work {
  uint32_t task = 0;
  epoch_id epoch;
  proto::TaskSnapshot facts;                        ///< complete but for keyed_state
  std::shared_ptr<task_state> owner;                ///< outlives `state`
  std::unique_ptr<state_snapshot> state;            ///< null where the task keeps none
  std::vector<std::shared_ptr<sink_writer>> sinks;  ///< those that sealed the epoch
};

/// What a task needs of the world: messages to others. Called on the task's thread.
class task_environment {
 public:
  virtual ~task_environment() = default;
  virtual void send(uint32_t to_task, frame_ptr what) = 0;
  virtual void grant(uint32_t to_task, uint32_t channel, uint64_t bytes) = 0;
  virtual void snapshot_taken(std::shared_ptr<snapshot_work> work) = 0;
  /// A sink's outbox fills: an epoch is wanted, so that its commit frees it.
  virtual void want_epoch() = 0;
  /// A sink's outbox is near its limit (true), or below again: the sources are to pause until then. The answer to true
  /// is on_pause(true), once the sources have been told.
  virtual void pressure(bool on) = 0;
  /// Everything has ended and is passed on.
  virtual void finished() = 0;
  /// Those of the task's sources that others do not end with have all ended.
  virtual void sources_ended() {}
  /// A call that leads to on_source_news(); from any thread, at any time, also when the task is gone.
  virtual std::function<void()> waker() = 0;
};

/// A sink of a task that commits by itself, and where its failures are counted.
struct committing_sink {
  std::shared_ptr<sink_writer> writer;
  std::shared_ptr<sink_meter> meter;
};

/// One subtask at work: feeds its chain from sources and channels, aligns barriers, cuts epochs. No thread, message or
/// CAF in it; one thread at a time. Drive it: step() as long as it says so, and the on_...() events as they come.
class task {
 public:
  struct source_part {
    size_t node = 0;  ///< in the chain
    std::unique_ptr<source_reader> reader;
    bool has_watermark = false;
    bool serves_others = false;  ///< a table that is refreshed: it ends when the job's other sources have
  };
  struct sink_part {
    size_t node = 0;
    std::shared_ptr<sink_writer> writer;
    bool commits = false;  ///< by itself: sink_factory::shards_commit
    std::shared_ptr<sink_meter> meter;  ///< never null
  };
  /// Everything that a task is made of; see build_task.
  struct parts {
    const planned_task* planned = nullptr;
    std::vector<proto::NodeSnapshot> identities;  ///< node, step, role of each chain node, in order
    std::shared_ptr<task_state> state;            ///< may be null; the chain's operators hold tables of it
    std::vector<std::unique_ptr<step_accounting>> accounting;
    std::vector<std::unique_ptr<chain_exit>> exits;
    std::vector<std::shared_ptr<emission_probe>> probes;  ///< what the chain's nodes show
    std::unique_ptr<dead_letter> rejects;  ///< null: rejects are only counted
    std::unique_ptr<operator_chain> chain;
    std::vector<source_part> sources;
    std::vector<sink_part> sinks;
    std::vector<exchange_output*> outputs;     ///< those of `exits` that are exchanges
    exchange_output* reject_output = nullptr;  ///< where rejected rows go: this,
    std::optional<size_t> reject_node;         ///< or this node of the chain
    const deployment* whole = nullptr;
    const clock* time = nullptr;
    const crash_points* crash = nullptr;
    safeguards guards;
    uint64_t channel_credit_bytes = 0;
    uint64_t least_grant_bytes = 0;
    outbox_gate::limits outbox;
    std::shared_ptr<task_counters> counters;
    std::unique_ptr<timestamp_us> read_us;  ///< when the input was read that is being processed; `exits` look at it
  };

  explicit task(parts made);
  ~task();

  /// Call once, before any event.
  result<void> start(task_environment& environment);

  /// What step() wants next.
  struct turn {
    bool again = false;                        ///< call step() again
    std::chrono::microseconds wait = forever;  ///< else: call it after so long, or after an event
    static constexpr std::chrono::microseconds forever = std::chrono::microseconds::max();
  };
  /// Does one piece of work: resumes what is unfinished, takes a cut, or feeds one batch.
  result<turn> step();

  // Events. Call step() after each.
  result<void> on_frame(frame_ptr what);
  void on_credit(uint32_t channel, uint64_t bytes);
  /// The coordinator's barrier, for tasks with sources.
  void on_trigger(const barrier& what);
  void on_abort(epoch_id epoch);
  /// All sinks have committed the epoch.
  void on_committed(epoch_id epoch);
  void on_pause(bool paused);
  /// A source that was idle has something now.
  void on_source_news();
  /// The sinks that commit by themselves.
  std::vector<committing_sink> committing_sinks() const;
  /// Sources read no more: the input ends here. A refreshed table is read to its end first.
  result<void> on_drain();
  /// The job's other sources have ended: tables that are refreshed do too.
  result<void> on_others_ended();

  /// The most a reader without news is left alone, unless it says longer itself.
  static constexpr std::chrono::microseconds longest_idle_wait{20'000};

 private:
  struct source;
  struct input;

  result<turn> work();
  bool sources_open() const;
  result<bool> poll_a_source(turn& next);
  result<void> take(source& from, source_poll polled);
  result<void> end_source(source& from);
  void tell_sources_ended();
  result<bool> process_a_frame();
  result<bool> take_cut();
  result<void> snapshot(const barrier& what);
  result<void> flush_rejects();
  result<void> end_rejects();
  bool rejects_full() const;
  void watch_outboxes();
  void grant(input& to, uint64_t bytes);
  void release_credit();

  // task_counting.cc
  void begin_counters();
  void add_queued(const input& to, int64_t bytes);
  void note_turn(turn& next, std::chrono::nanoseconds began);
  bool is_held() const;
  void watch_alignment();
  void publish_counters();
  bool reads_at(size_t node) const;
  void publish_slow_counters();

  parts with_;
  task_environment* environment_ = nullptr;
  std::vector<source> sources_;
  std::vector<input> inputs_;
  std::map<uint32_t, size_t> input_of_channel_;
  barrier_alignment alignment_;  ///< one channel per input, and one for the coordinator where there are sources
  bool cutting_ = false;         ///< chain.barrier() has begun
  std::optional<barrier> deferred_trigger_;  ///< came while an older epoch was being cut
  bool paused_ = false;
  bool stopped_ = false;  ///< a savepoint was cut: read no more
  outbox_gate gate_;
  bool withholding_ = false;  ///< the outboxes are near their limit, and the sources may not know it yet
  bool rejects_ended_ = false;
  bool finished_ = false;
  bool told_sources_ended_ = false;
  size_t next_source_ = 0;
  size_t next_input_ = 0;
  size_t queued_frames_ = 0;
  uint64_t queued_bytes_ = 0;

  // What only counters need.
  uint64_t worked_ = 0;  ///< turns
  std::chrono::nanoseconds look_due_{0};
  epoch_id aligning_;  ///< since when it is:
  std::chrono::nanoseconds aligning_since_{0};
};

}  // namespace systole
