#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "operators/accounting.h"
#include "operators/operator.h"
#include "operators/watermark_combiner.h"

namespace systole {

/// Where rows leave a chain: a sink's writer or an exchange to another stage. Called by the task's thread.
class chain_exit {
 public:
  virtual ~chain_exit() = default;
  /// Takes the rows even when full() is true.
  virtual result<void> write(batch rows) = 0;
  /// `idle`: the sender has no say in the watermark now.
  virtual result<void> watermark(timestamp_us watermark, bool idle) {
    (void)watermark, (void)idle;
    return {};
  }
  virtual result<void> end() { return {}; }
  virtual bool full() const { return false; }
};

/// Where rejected rows go. Called by the task's thread, from within a chain's call; must not call the chain.
class reject_target {
 public:
  virtual ~reject_target() = default;
  /// `node`: the index of the node that rejects.
  virtual void reject(size_t node, const batch& rows, uint32_t row, const reject_reason& why) = 0;
};

/// Somebody who looks at what a node emits, now and then. Outlives the chain.
class emission_probe {
 public:
  virtual ~emission_probe() = default;
  /// All that a batch costs where nobody looks.
  bool wanted() const { return wanted_.load(std::memory_order_relaxed); }
  /// Called by the task's thread, for each batch while wanted(); must not call the chain.
  virtual void look(const batch& rows) = 0;

 protected:
  std::atomic<bool> wanted_{false};  ///< set by any thread
};

/// Runs the nodes of one stage in one task: synchronous direct calls along the edges of a DAG. Rows wait in a node's
/// inbox only while it, or something downstream of it, has returned `again`, or while the operator blocks that input.
/// Knows no clock, thread or message. Nodes are added in topological order; one thread at a time.
///
/// The caller's loop: while can_resume(), resume(); feed one batch, watermark or end to an input that accepts();
/// barriers only when idle(). Inputs whose exits have credit go on while others wait: a table join's table must be read
/// while its stream's channel is full.
class operator_chain {
 public:
  /// What add_node takes. `op` is null for sources and sinks: rows pass through.
  struct node_parts {
    std::unique_ptr<stream_operator> op;
    step_accounting* accounting = nullptr;  ///< the one that the operator was made with; null where op is null
    std::vector<uint32_t>
        input_channels;      ///< for each input, how many channels feed it (1 for an edge within the chain)
    bool is_source = false;  ///< its rows are counted by count_source()
    emission_probe* probe = nullptr;
  };
  struct target {
    size_t node = 0;
    uint32_t input = 0;
  };

  explicit operator_chain(reject_target* rejects);
  ~operator_chain();
  operator_chain(const operator_chain&) = delete;
  operator_chain& operator=(const operator_chain&) = delete;

  size_t add_node(node_parts parts);
  /// Rows of `from` go to `to`, which was added later.
  void connect(size_t from, target to);
  /// Rows of `from` leave here too. The exit outlives the chain.
  void connect(size_t from, chain_exit* exit);
  /// Opens the operators. Call before anything below.
  result<void> open();
  /// Gives a node what snapshot() gave, after open() and before start(). `all`: of every old subtask; `own`: the
  /// indices in `all` whose counters this one takes over. With one snapshot of the same number of channels the
  /// watermarks continue per channel; else the lowest of the old ones holds, and an input has ended only where it had
  /// in all.
  result<void> restore(size_t index, const std::vector<std::string_view>& all, const std::vector<size_t>& own);
  /// Tells restored operators their watermark and passes on what had ended before. Call once before the first input.
  result<void> start();

  // Inputs: of nodes that nothing within the chain feeds.
  result<void> push(size_t index, uint32_t input, batch rows);
  result<void> watermark(size_t index, uint32_t input, uint32_t channel, timestamp_us watermark, bool idle);
  /// The channel will give no more rows. Once all channels of all inputs have ended, the node ends.
  result<void> end(size_t index, uint32_t input, uint32_t channel);
  /// True where the input may be fed: nothing downstream waits for credit or is unfinished, and it is not held().
  bool accepts(size_t index, uint32_t input) const;
  /// True while an operator that the input leads to blocks it (a table join's stream before its table is loaded).
  bool held(size_t index, uint32_t input) const;

  /// True where resume() can get on.
  bool can_resume() const;
  /// Continues what returned `again`, the most downstream first, where there is room.
  result<void> resume();
  /// True where nothing is unfinished and no row waits: a barrier may be taken.
  bool idle() const { return pending_ == 0 && queued_ == 0; }

  /// Gives every operator its on_barrier, in topological order. True when all are through; false: resume() until idle()
  /// and call again. REQUIRES: idle().
  result<bool> barrier();

  /// The earliest processing-time wake-up, or watermark_end.
  timestamp_us next_wakeup_us() const;
  /// Runs what is due and has room.
  result<void> on_time(timestamp_us now_us);

  /// True where every node has ended.
  bool ended() const { return ended_nodes_ == nodes_.size(); }
  bool ended(size_t index) const;
  timestamp_us watermark_of(size_t index) const;
  bool idle_for_watermark(size_t index) const;

  /// The node's counters; of sources and sinks the chain's own.
  const step_accounting& accounting(size_t index) const;
  /// A source's records, which come from outside: in, rejected and filtered.
  void count_source(size_t index, uint64_t records, uint64_t rejected, uint64_t filtered);
  /// Figures for progress. In and out: since the attempt began.
  struct row_counts {
    uint64_t in = 0, out = 0, rejected = 0, late = 0;
  };
  row_counts counts(size_t index) const;

  /// A node's small state: watermarks per channel, ended inputs, accounting, the operator's own (or, of
  /// a node without operator, `extra`). REQUIRES: idle().
  std::string snapshot(size_t index, std::string extra = {}) const;

 private:
  struct node;
  class node_output;
  struct item;
  enum class work { none, rows, watermark, end_of_input, end_of_node, time };

  void deliver(node& to, item&& what);
  void apply(node& to, item&& what);
  void give_watermark(node& at);
  void settle(node& at, work what, result<progress> outcome);
  void complete(node& at, work what);
  void drain(node& at);
  void emit(node& from, batch&& rows);
  void forward_watermark(node& from);
  bool full(const node& at) const;
  bool runnable(const node& at) const;
  void forward_end(node& from);
  void refresh_held();
  void fail_with(failure cause);
  result<void> take_failure();

  reject_target* rejects_;
  std::vector<std::unique_ptr<node>> nodes_;
  size_t pending_ = 0;
  size_t queued_ = 0;
  size_t ended_nodes_ = 0;
  size_t barrier_next_ = 0;
  bool any_blocking_ = false;
  std::optional<failure> failure_;
};

}  // namespace systole
