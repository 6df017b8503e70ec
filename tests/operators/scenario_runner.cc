#include <gtest/gtest.h>

#include "data/key_encoding.h"
#include "tests/operators/scenario.h"

namespace systole::testing {
namespace {

/// The subtasks of a step and the exchange before it.
class subtasks {
 public:
  subtasks(const scenario& golden, const scenario_run& run) : golden_(golden), run_(run) {
    std::vector<operator_input> inputs;
    for (const scenario::input& each : golden.inputs) inputs.push_back({each.columns, each.changelog, {}});
    for (uint32_t i = 0; i < run.parallelism; ++i) {
      tasks_.push_back(std::make_unique<operator_harness>(
          golden.node, inputs,
          harness_options{.in_memory = run.in_memory, .memory_bytes = tiny_memory_bytes, .subtask = i, .parallelism = run.parallelism, .credit_rows = 5}));
    }
  }

  void perform(std::span<const scenario::action> actions) {
    for (size_t i = 0; i < actions.size();) {
      if (actions[i].kind != scenario::action_kind::row) {
        control(actions[i++]);
        continue;
      }
      const size_t begin = i;
      while (i < actions.size() && i - begin < run_.batch_rows && actions[i].kind == scenario::action_kind::row &&
             actions[i].input == actions[begin].input)
        ++i;
      give_rows(actions.subspan(begin, i - begin));
    }
  }
  void barrier() {
    for (const auto& each : tasks_) each->barrier();
  }
  void crash() {
    for (const auto& each : tasks_) each->crash();
  }
  void end() {
    for (const auto& each : tasks_) each->end_all();
  }
  const std::vector<std::unique_ptr<operator_harness>>& tasks() const { return tasks_; }

 private:
  void control(const scenario::action& action) {
    for (const auto& each : tasks_) {
      if (action.kind == scenario::action_kind::watermark) each->watermark(action.text);
      if (action.kind == scenario::action_kind::clock) each->advance_clock(static_cast<int64_t>(action.number));
      if (action.kind == scenario::action_kind::end) each->end(action.input);
    }
  }

  void give_rows(std::span<const scenario::action> actions) {
    const uint32_t index = actions[0].input;
    const scenario::input& input = golden_.inputs[index];
    std::vector<std::string> texts;
    for (const scenario::action& each : actions) texts.push_back(each.text);
    const batch rows = parse_rows(input.columns, texts, actions[0].number, input.time);
    if (input.to_all) {
      for (const auto& each : tasks_) each->push(rows, index);
      return;
    }
    std::vector<std::vector<uint32_t>> by_subtask(tasks_.size());
    std::vector<const column*> keys;
    for (const std::string& name : input.key) keys.push_back(&rows.at(static_cast<size_t>(input.columns.find(name))));
    encoded_keys encoded;
    encoded.encode(keys, rows.rows());
    for (uint32_t row = 0; row < rows.rows(); ++row) {
      const uint64_t number = actions[row].number;
      const uint32_t subtask = keys.empty() ? static_cast<uint32_t>(number % tasks_.size())
                                            : subtask_of_key_group(key_group_of(encoded.hash(row), 128), run_.parallelism, 128);
      by_subtask[subtask].push_back(row);
    }
    for (size_t i = 0; i < tasks_.size(); ++i)
      if (!by_subtask[i].empty()) tasks_[i]->push(gather(rows, by_subtask[i]), index);
  }

  const scenario& golden_;
  const scenario_run& run_;
  std::vector<std::unique_ptr<operator_harness>> tasks_;
};

void run_scenario(const scenario& golden, const scenario_run& run, subtasks& step) {
  const std::span<const scenario::action> actions = golden.actions;
  size_t begin = 0;
  for (size_t i = 0; i <= actions.size(); ++i) {
    if (i < actions.size() && actions[i].kind != scenario::action_kind::barrier) continue;
    const std::span<const scenario::action> epoch = actions.subspan(begin, i - begin);
    step.perform(epoch);
    if (run.crash) {
      step.crash();
      step.perform(epoch);
    }
    if (i == actions.size()) break;
    step.barrier();
    begin = i + 1;
  }
  step.end();
  step.barrier();
}

std::map<std::string, uint64_t> counters(const step_accounting& of) {
  return {{"in", of.in}, {"out", of.out}, {"rejected", of.rejected}, {"late", of.late}, {"filtered", of.filtered},
          {"deduplicated", of.deduplicated}, {"waiting", of.waiting}, {"absorbed", of.absorbed}, {"matched", of.matched},
          {"unmatched", of.unmatched}, {"flagged", of.flagged}, {"failed_results", of.failed_results},
          {"rejected_retractions", of.rejected_retractions}};
}

}  // namespace

std::string to_string(const scenario_run& run) {
  return "batches of " + std::to_string(run.batch_rows) + ", parallelism " + std::to_string(run.parallelism) +
         (run.in_memory ? ", in memory" : ", evicted to RocksDB") + (run.crash ? ", crashing" : "");
}

void expect_scenario(const scenario& golden, const scenario_run& run) {
  SCOPED_TRACE(golden.name + ": " + to_string(run));
  subtasks step(golden, run);
  run_scenario(golden, run, step);
  std::map<std::string, int> rows, rejected;
  std::map<std::string, uint64_t> accounting;
  for (const auto& task : step.tasks()) {
    for (const auto& [text, count] : task->consolidated()) rows[text] += count;
    for (const std::string& text : task->rejected()) ++rejected[text];
    for (const auto& [name, count] : counters(task->accounting())) accounting[name] += count;
    for (const batch& each : task->batches()) EXPECT_EQ(each.has(hidden::kind), golden.changelog);
  }
  std::erase_if(rows, [](const auto& each) { return each.second == 0; });
  EXPECT_EQ(rows, golden.rows);
  EXPECT_EQ(rejected, golden.rejected);
  for (const auto& [name, count] : golden.accounting) EXPECT_EQ(accounting[name], count) << name;
}

}  // namespace systole::testing
