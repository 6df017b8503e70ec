#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "operators/factory.h"
#include "operators/operator.h"
#include "proto/plan.pb.h"
#include "state/task_state.h"

namespace systole::testing {

/// A row that came out of an operator, as text: "+I v1|3|NULL" on changelogs, "v1|3|NULL" on append streams.
/// A dead-letter row: "rule: reason [sqlstate] <- v1|3".
std::string row_text(const batch& rows, size_t row);

/// Parses "v1 | 3 | NULL" (blanks around fields do not count) into a one-row batch of the schema's types, with a kind
/// column when the text begins with +I, -U, +U or -D. Dies on a bad text: it is the test's own.
batch parse_row(const schema& columns, std::string_view text);
/// All lines as one batch; hidden position: source 0, split 0, offset = `first_offset` + line. `event_time` names the
/// column that becomes the hidden event time ("" for none).
batch parse_rows(const schema& columns, const std::vector<std::string>& lines, uint64_t first_offset = 0,
                 std::string_view event_time = {});
/// A schema from "visit text, delta int, at timestamptz".
schema parse_schema(std::string_view text);
/// A node from protobuf text format; its output schema and step may be in the text ("step: 's' filter {...}").
proto::Node parse_node(const std::string& text);

/// So little that every key is evicted to RocksDB and read back.
inline constexpr size_t tiny_memory_bytes = 1024;

struct harness_options {
  bool in_memory = true;           ///< the state's backend; false: RocksDB
  size_t memory_bytes = 64 << 20;  ///< the memory limit with RocksDB
  uint32_t subtask = 0;
  uint32_t parallelism = 1;
  uint32_t max_parallelism = 128;
  size_t batch_rows = 1024;
  /// Rows that the output takes before full() is true; each resume() grants as many again. 0: never full.
  size_t credit_rows = 0;
  parameter_map parameters;
  /// Makes the operator where the factory does not know it; the node then only names the step.
  std::function<result<std::unique_ptr<stream_operator>>(const operator_context&)> make;
  timestamp_us now_us = 1'767'225'600'000'000;  ///< 2026-01-01T00:00:00Z, moved by advance_clock
};

/// One value as text: NULL, true, 12, 1.50, 2026-01-01, 2026-01-01T08:00:00Z; doubles with nine digits, as equal output
/// allows 1e-9.
std::string value_text(const column& values, size_t row);

/// Runs one operator as a task does: opens it with state, gives batches, watermarks and barriers, resumes it until done,
/// and can crash it: state and output then are those of the last barrier. Fails the test on any error and on a broken
/// promise (more than one batch pushed after full() without returning `again`).
class operator_harness {
 public:
  operator_harness(proto::Node node, std::vector<operator_input> inputs, harness_options options = {});
  ~operator_harness();

  void push(batch rows, uint32_t input = 0);
  /// Parses and pushes; each line is a row, all in one batch. Offsets go on from call to call.
  void push(const std::vector<std::string>& lines, uint32_t input = 0, std::string_view event_time = {});
  void watermark(timestamp_us watermark);
  void watermark(std::string_view iso);
  /// Ends one input; when all have ended, watermark_end follows.
  void end(uint32_t input = 0);
  void end_all();
  /// Moves the clock and calls on_time() where it is due.
  void advance_clock(int64_t micros);
  /// on_barrier and a snapshot of state, operator and accounting. Output up to here survives a crash.
  void barrier();
  /// Throws the operator and its state away and restores the last barrier's (or starts anew). The caller gives what it
  /// gave since that barrier again.
  void crash();

  /// The number of keys that the last barrier saved for a value table.
  uint64_t saved_keys(const std::string& table, uint32_t fixed_value_bytes);

  stream_operator& op() { return *operator_; }
  keyed_state& state() { return *state_; }
  step_accounting& accounting() { return accounting_; }
  timestamp_us output_watermark() const;
  timestamp_us now_us() const { return clock_.now_us(); }
  /// in = where the rows went. Checked at each barrier and end_all too.
  void expect_balanced() const;

  /// All rows so far, in order of emission; clear_output() forgets them.
  std::vector<std::string> rows() const;
  /// The batches themselves.
  const std::vector<batch>& batches() const { return emitted_; }
  /// Rows that live once all changes are applied: text without kind -> count; zero counts are left out.
  std::map<std::string, int> consolidated() const;
  std::vector<std::string> rejected() const { return rejected_; }
  void clear_output();
  /// Largest number of rows pushed between two grants of credit.
  size_t largest_burst() const { return largest_burst_; }

 private:
  struct saved;
  class recorder;
  void open();
  std::unique_ptr<task_state> open_state();
  void run(const std::function<result<progress>(output&)>& call);

  proto::Node node_;
  std::vector<operator_input> inputs_;
  harness_options options_;
  manual_clock clock_;
  std::string directory_;
  std::unique_ptr<checkpoint_store> store_;
  std::unique_ptr<task_state> state_;
  std::unique_ptr<stream_operator> operator_;
  step_accounting accounting_;
  timestamp_us watermark_ = watermark_none;
  std::vector<bool> ended_;
  uint64_t next_offset_ = 0;
  uint64_t epoch_ = 0;
  uint32_t incarnation_ = 0;
  std::unique_ptr<saved> last_;
  std::vector<batch> emitted_;
  std::vector<std::string> rejected_;
  size_t burst_ = 0;
  size_t largest_burst_ = 0;
};

}  // namespace systole::testing
