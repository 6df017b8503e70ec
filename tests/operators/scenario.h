#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/operators/operator_harness.h"

namespace systole::testing {

/// A golden scenario: one node, what it is given, and what must come out. Text format (lines; # begins a comment):
///
///   node
///   <a proto::Node in protobuf text format>
///   end
///   input NAME append|changelog [key COLUMN[,COLUMN]] [time COLUMN] [all]: COLUMN TYPE, ...    all: to every task
///   run
///   NAME: v1 | 3 | 2026-01-01T08:00:00Z     a row; +I, -U, +U, -D first on changelogs; NULL is NULL
///   watermark 2026-01-01T09:00:00Z
///   barrier
///   clock 1000000                            microseconds that the clock moves
///   end NAME                                 of one input; at the end of the file all end
///   expect append|changelog
///   v1 | 3                                   a row, once per time that it must come (changelog: be live at the end)
///   rejected
///   rule: reason [sqlstate] <- v1 | 3
///   accounting in 3 filtered 1 out 2
struct scenario {
  struct input {
    std::string name;
    bool changelog = false;
    std::vector<std::string> key;  ///< decides the subtask; empty: any
    bool to_all = false;           ///< every subtask is given every row
    std::string time;
    schema columns;
  };
  enum class action_kind { row, watermark, barrier, clock, end };
  struct action {
    action_kind kind;
    uint32_t input = 0;
    std::string text;
    uint64_t number = 0;  ///< of the row, or the clock's microseconds
  };
  std::string name;
  proto::Node node;
  std::vector<input> inputs;
  std::vector<action> actions;
  bool changelog = false;
  std::map<std::string, int> rows;
  std::map<std::string, int> rejected;
  std::map<std::string, uint64_t> accounting;
};

/// Dies with file and line where the text is wrong.
scenario read_scenario(const std::string& path);

/// One way to run a scenario.
struct scenario_run {
  size_t batch_rows = 4096;
  uint32_t parallelism = 1;
  bool in_memory = true;
  bool crash = false;  ///< before each barrier, once all up to it was done: it is done again from the barrier before
};
std::string to_string(const scenario_run& run);

/// Runs it and expects what the scenario says.
void expect_scenario(const scenario& golden, const scenario_run& run);

}  // namespace systole::testing
