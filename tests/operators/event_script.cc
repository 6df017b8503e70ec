#include "tests/operators/event_script.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "data/calendar.h"
#include "data/key_encoding.h"

namespace systole::testing {
namespace {

constexpr timestamp_us epoch_us = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z
constexpr uint32_t max_parallelism = 128;

/// The tasks of one run and the rows that wait to become a batch.
class tasks {
 public:
  tasks(const event_script& script, const run_options& options) : script_(script), options_(options) {
    for (uint32_t i = 0; i < options.parallelism; ++i) {
      harness_options made{.in_memory = options.in_memory, .memory_bytes = tiny_memory_bytes, .subtask = i, .parallelism = options.parallelism,
                           .max_parallelism = max_parallelism, .batch_rows = options.batch_rows,
                           .credit_rows = options.credit_rows};
      harnesses_.push_back(std::make_unique<operator_harness>(script.node, script.inputs, made));
    }
    waiting_.resize(options.parallelism);
  }

  void apply(size_t index) {
    const event& what = script_.events[index];
    if (what.what == event::kind::row) return add(what, index);
    flush();
    for (auto& each : harnesses_) {
      if (what.what == event::kind::watermark) each->watermark(what.watermark);
      else if (what.what == event::kind::barrier) each->barrier();
      else each->end(what.input);
    }
  }
  void flush() {
    for (uint32_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i].empty()) continue;
      harnesses_[i]->push(concatenate(waiting_[i]), waiting_input_);
      waiting_[i].clear();
    }
  }
  void crash() {
    for (auto& each : waiting_) each.clear();
    for (auto& each : harnesses_) each->crash();
  }
  void end_all() {
    flush();
    for (auto& each : harnesses_) each->end_all();
  }
  run_result collect() const {
    run_result made;
    for (const auto& each : harnesses_) {
      for (const auto& [row, count] : each->consolidated()) made.live[row] += count;
      for (const std::string& row : each->rejected()) ++made.rejected[row];
      const step_accounting& counted = each->accounting();
      made.accounting.in += counted.in;
      made.accounting.absorbed += counted.absorbed;
      made.accounting.out += counted.out;
      made.accounting.late += counted.late;
      made.accounting.rejected += counted.rejected;
      made.accounting.filtered += counted.filtered;
      for (const auto& [rule, count] : counted.by_rule) made.accounting.by_rule[rule] += count;
      made.emitted += each->rows().size();
      made.largest_burst = std::max(made.largest_burst, each->largest_burst());
    }
    std::erase_if(made.live, [](const auto& row) { return row.second == 0; });
    return made;
  }

 private:
  void add(const event& what, size_t index) {
    if (what.input != waiting_input_) flush();
    waiting_input_ = what.input;
    batch row = parse_rows(script_.inputs[what.input].columns, {what.row}, index, script_.event_time[what.input]);
    const std::vector<std::string>& keys = script_.keys[what.input];
    uint32_t first = 0, last = options_.parallelism - 1;
    if (!keys.empty()) {
      std::vector<const column*> columns;
      for (const std::string& name : keys)
        columns.push_back(&row.at(static_cast<size_t>(script_.inputs[what.input].columns.find(name))));
      encoded_keys encoded;
      encoded.encode(columns, 1);
      first = last = subtask_of_key_group(key_group_of(encoded.hash(0), max_parallelism), options_.parallelism, max_parallelism);
    }
    for (uint32_t i = first; i <= last; ++i) {
      waiting_[i].push_back(row);
      if (waiting_[i].size() < options_.batch_rows) continue;
      harnesses_[i]->push(concatenate(waiting_[i]), what.input);
      waiting_[i].clear();
    }
  }

  const event_script& script_;
  const run_options& options_;
  std::vector<std::unique_ptr<operator_harness>> harnesses_;
  std::vector<std::vector<batch>> waiting_;
  uint32_t waiting_input_ = 0;
};

}  // namespace

std::string to_string(const run_options& options) {
  return "batches of " + std::to_string(options.batch_rows) + ", parallelism " + std::to_string(options.parallelism) +
         (options.in_memory ? ", in memory" : ", evicted to RocksDB") + (options.crash ? ", crashes" : "") +
         (options.credit_rows ? ", credit " + std::to_string(options.credit_rows) : "");
}

run_result run(const event_script& script, const run_options& options) {
  tasks all(script, options);
  size_t from = 0;  // behind the last barrier
  for (size_t i = 0; i < script.events.size(); ++i) {
    const bool barrier = script.events[i].what == event::kind::barrier;
    if (barrier && options.crash) {
      all.flush();
      all.crash();
      for (size_t again = from; again < i; ++again) all.apply(again);
    }
    all.apply(i);
    if (barrier) from = i + 1;
  }
  if (options.crash) {
    all.end_all();
    all.crash();
    for (size_t again = from; again < script.events.size(); ++again) all.apply(again);
  }
  all.end_all();
  return all.collect();
}

std::vector<run_options> all_runs() {
  std::vector<run_options> runs;
  for (const uint32_t parallelism : {1u, 3u}) {
    for (const size_t batch_rows : {1u, 7u, 4096u})
      for (const bool in_memory : {true, false})
        for (const bool crash : {false, true})
          if (in_memory || crash)
            runs.push_back({.batch_rows = batch_rows, .parallelism = parallelism, .in_memory = in_memory, .crash = crash});
  }
  runs.push_back({.batch_rows = 7, .credit_rows = 1});
  runs.push_back({.batch_rows = 4096, .credit_rows = 5});
  runs.push_back({.batch_rows = 5, .parallelism = 3, .credit_rows = 3, .crash = true});
  return runs;
}

void expect_in_all_runs(const event_script& script, const std::map<std::string, int>& live,
                        const std::map<std::string, int>& rejected_by_rule) {
  std::map<std::string, int> first_rejected;
  for (const run_options& options : all_runs()) {
    SCOPED_TRACE(to_string(options));
    const run_result got = run(script, options);
    EXPECT_EQ(got.live, live);
    std::map<std::string, int> by_rule;
    for (const auto& [rule, count] : got.accounting.by_rule) by_rule[rule] = static_cast<int>(count);
    EXPECT_EQ(by_rule, rejected_by_rule);
    if (first_rejected.empty()) first_rejected = got.rejected;
    EXPECT_EQ(got.rejected, first_rejected) << "other rows went to the dead letter than in the first run";
    if (::testing::Test::HasFailure()) return;  // one run's difference is enough to read
  }
}

timestamp_us time_of(int64_t micros) { return epoch_us + micros; }

std::string time_text(int64_t micros) {
  std::string text;
  append_timestamp(text, time_of(micros), 'T');
  return text + "Z";
}

uint64_t seed_of(uint64_t fallback) {
  const char* set = std::getenv("SYSTOLE_SEED");
  const uint64_t seed = set ? std::strtoull(set, nullptr, 10) : fallback;
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

}  // namespace systole::testing
