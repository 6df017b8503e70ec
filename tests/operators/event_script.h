#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/operators/operator_harness.h"

namespace systole::testing {

/// What an operator is given, independent of batches, tasks, backends and crashes: run() brings these in.
struct event {
  enum class kind { row, watermark, barrier, end };
  kind what = kind::row;
  uint32_t input = 0;             ///< row, end
  std::string row;
  timestamp_us watermark = 0;
};

struct event_script {
  proto::Node node;
  std::vector<operator_input> inputs;
  std::vector<std::string> event_time;         ///< per input: its event-time column, "" for none
  std::vector<std::vector<std::string>> keys;  ///< per input: the columns that its rows are dealt by; empty: to every task
  std::vector<event> events;                   ///< ends of input are added where they are missing

  void row(std::string text, uint32_t input = 0) { events.push_back({event::kind::row, input, std::move(text), 0}); }
  void watermark(timestamp_us at) { events.push_back({event::kind::watermark, 0, {}, at}); }
  void barrier() { events.push_back({event::kind::barrier, 0, {}, 0}); }
  void end(uint32_t input) { events.push_back({event::kind::end, input, {}, 0}); }
};

/// How a script is run.
struct run_options {
  size_t batch_rows = 4096;
  uint32_t parallelism = 1;
  bool in_memory = true;
  size_t credit_rows = 0;    ///< 0: never full
  bool crash = false;        ///< after each barrier go on to the next one, crash, and go on again
};
std::string to_string(const run_options& options);

/// What came out of all tasks.
struct run_result {
  std::map<std::string, int> live;       ///< consolidated
  std::map<std::string, int> rejected;   ///< with their numbers
  step_accounting accounting;
  size_t emitted = 0;                    ///< rows, retractions too
  size_t largest_burst = 0;
};
run_result run(const event_script& script, const run_options& options);

/// The configurations that every scenario must give one result in: batch sizes 1, 7 and 4096, parallelism 1 and 3, both
/// backends, crashes, back pressure.
std::vector<run_options> all_runs();
/// Runs all_runs() and expects `live` and as many rows rejected by rule as `rejected` says.
void expect_in_all_runs(const event_script& script, const std::map<std::string, int>& live,
                        const std::map<std::string, int>& rejected_by_rule = {});

/// A time as rows have it: microseconds since 2026-01-01.
std::string time_text(int64_t micros);
timestamp_us time_of(int64_t micros);

/// The seed of a random test: SYSTOLE_SEED where it is set, else `fallback`; printed when the test fails.
uint64_t seed_of(uint64_t fallback);

}  // namespace systole::testing
