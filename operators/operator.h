#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "data/batch.h"
#include "expr/expression.h"
#include "operators/accounting.h"
#include "state/keyed_state.h"

namespace systole {

/// Why rows go to the dead letter.
struct reject_reason {
  std::string_view rule;      ///< a validation rule's id, or decode, expression, late, join_miss, orphan
  std::string_view reason;    ///< for people; may hold only what a rule's own message says
  std::string_view sqlstate;  ///< empty or five characters
};

/// Where an operator puts its rows. Given by the task for each call; not kept.
class output {
 public:
  virtual ~output() = default;
  /// Passes rows downstream. Rows are taken even when full() is true, so an operator may finish what it started.
  virtual void push(batch rows) = 0;
  /// True when the task has no credit downstream: an operator that can emit without bound returns `again` now.
  virtual bool full() const = 0;
  /// Sends one input row to the dead letter (its raw record where the batch has it) and counts it as rejected, except
  /// with rule "late", counted as late. The retraction (-U, -D) of a row is only counted.
  virtual void reject(const batch& rows, uint32_t row, const reject_reason& why) = 0;
};

/// What a call left undone.
enum class progress {
  done,
  again,  ///< the output is full: call resume() when there is credit, and nothing else before
};

/// What an operator is made with. All references outlive it.
struct operator_context {
  std::string step;
  uint32_t max_parallelism = 128;
  size_t batch_rows = 1024;               ///< the size of batches that it makes
  keyed_state* state = nullptr;           ///< the task's
  const clock* time = nullptr;
  const parameter_map* parameters = nullptr;
  step_accounting* accounting = nullptr;  ///< this operator's counters, checkpointed by the task
};

/// A step's logic: batches in, batches out. Called by one thread at a time; never blocks, reads no clock but the
/// context's, does no I/O but through state. A failed result fails the task (a bad row is rejected instead).
class stream_operator {
 public:
  virtual ~stream_operator() = default;

  /// Called once, before any other call; opens state tables.
  virtual result<void> open() { return {}; }
  virtual result<progress> process(batch rows, uint32_t input, output& out) = 0;
  /// All inputs have reached `watermark` (monotone). The task forwards output_watermark() once this is done.
  virtual result<progress> on_watermark(timestamp_us watermark, output& out) {
    (void)watermark, (void)out;
    return progress::done;
  }
  /// One input has ended; on_watermark(watermark_end) follows when all have.
  virtual result<progress> on_end(uint32_t input, output& out) {
    (void)input, (void)out;
    return progress::done;
  }
  /// An input has no say in the watermark from here on. What was given before stands before it: a refreshed table says
  /// so that it is whole.
  virtual result<void> on_idle(uint32_t input) {
    (void)input;
    return {};
  }
  /// Continues a call that returned `again`.
  virtual result<progress> resume(output& out) {
    (void)out;
    return progress::done;
  }
  /// Before the snapshot of an epoch: emits what it holds back (pre-aggregates) and stores what is not in state yet.
  virtual result<void> on_barrier(output& out) {
    (void)out;
    return {};
  }
  /// min(watermark, oldest held event time - 1 us) for steps that hold rows back.
  virtual timestamp_us output_watermark(timestamp_us watermark) const { return watermark; }
  /// When processing-time work is due (clock's now_us), or watermark_end for never; then on_time() is called.
  virtual timestamp_us next_wakeup_us() const { return watermark_end; }
  virtual result<progress> on_time(timestamp_us now_us, output& out) {
    (void)now_us, (void)out;
    return progress::done;
  }
  /// True while input `index` must not be given rows yet (a table join's stream before its table is loaded).
  virtual bool blocks_input(uint32_t index) const {
    (void)index;
    return false;
  }
  /// Small state that is not keyed, as bytes; given back by restore() after open(). With a changed parallelism,
  /// restore() is called once per old subtask.
  virtual std::string snapshot() const { return {}; }
  virtual result<void> restore(std::string_view bytes) {
    (void)bytes;
    return {};
  }
};

}  // namespace systole
