// Operators with state in memory, without checkpoints: rows per second through process().
#include <benchmark/benchmark.h>
#include <google/protobuf/text_format.h>
#include <unistd.h>

#include <filesystem>

#include "base/file_system.h"
#include "bench/micro/events.h"
#include "operators/factory.h"
#include "state/checkpoint_store.h"
#include "state/task_state.h"

namespace systole::bench {
namespace {

constexpr size_t batches = 256;

class counting_output final : public output {
 public:
  void push(batch rows) override { rows_ += rows.rows(); }
  bool full() const override { return false; }
  void reject(const batch&, uint32_t, const reject_reason&) override { ++rejected_; }
  uint64_t rows() const { return rows_; }
  uint64_t rejected() const { return rejected_; }

 private:
  uint64_t rows_ = 0, rejected_ = 0;
};

/// An operator with all it needs, new for each pass.
class operator_under_test {
 public:
  operator_under_test(const std::string& node_text, size_t inputs)
      : directory_((std::filesystem::temp_directory_path() / ("systole-bench-op-" + std::to_string(getpid()))).string()) {
    std::filesystem::remove_all(directory_);
    store_ = open_directory_store(posix_file_system(), directory_ + "/store", "bench").value();
    state_ = open_task_state({.directory = directory_ + "/task",
                              .in_memory = true,
                              .groups = {0, 127},
                              .files = &posix_file_system(),
                              .store = store_.get()},
                             {}, {}).value();
    proto::Node node;
    if (!google::protobuf::TextFormat::ParseFromString(node_text, &node)) std::abort();
    const std::vector<operator_input> from(inputs, {event_schema(), false, {}});
    operator_ = make_operator(node, from, {.step = "bench", .state = state_.get(), .accounting = &accounting_}).value();
    if (!operator_->open()) std::abort();
  }
  ~operator_under_test() {
    operator_.reset();
    state_.reset();
    std::filesystem::remove_all(directory_);
  }
  stream_operator& get() { return *operator_; }

 private:
  std::string directory_;
  std::unique_ptr<checkpoint_store> store_;
  std::unique_ptr<task_state> state_;
  step_accounting accounting_;
  std::unique_ptr<stream_operator> operator_;
};

void run(benchmark::State& state, const std::string& node, size_t inputs = 1) {
  std::vector<batch> input;
  for (size_t i = 0; i < batches; ++i) input.push_back(event_batch(i));
  for (auto _ : state) {
    state.PauseTiming();
    counting_output out;
    {
      operator_under_test tested(node, inputs);
      state.ResumeTiming();
      for (const batch& rows : input) {
        for (uint32_t side = 0; side < inputs; ++side)
          if (!tested.get().process(rows, side, out)) state.SkipWithError("failed");
        if (!tested.get().on_watermark(rows.event_time(event_rows - 1) - 1, out)) state.SkipWithError("failed");
      }
      if (out.rows() == 0 || out.rejected() > 0) state.SkipWithError("wrong output");
      state.PauseTiming();
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * batches * event_rows * inputs));
}

void deduplicate(benchmark::State& state) { run(state, R"(deduplicate { key { sql: "event_id" } })"); }
BENCHMARK(deduplicate)->Unit(benchmark::kMillisecond);

/// Argument: 1 = a change for each row, 0 = one for each key of a batch.
void aggregate(benchmark::State& state) {
  run(state, std::string("aggregate { key_by { name: 'hospital_id' value { sql: 'hospital_id' } }"
                         " key_by { name: 'department' value { sql: 'department' } }"
                         " calls { name: 'agg0' function: 'sum' argument { sql: 'age' } }"
                         " fields { name: 'department' value { sql: 'department' } } fields { name: 'sum' value { sql: 'agg0' } }"
                         " emit_each_change: ") + (state.range(0) ? "true }" : "false }"));
}
BENCHMARK(aggregate)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void window_15m(benchmark::State& state) {
  run(state, "window { key_by { name: 'hospital_id' value { sql: 'hospital_id' } }"
             " key_by { name: 'department' value { sql: 'department' } } size_us: 900000000 slide_us: 900000000"
             " calls { name: 'agg0' function: 'count' } calls { name: 'agg1' function: 'sum' argument { sql: 'age' } }"
             " fields { name: 'department' value { sql: 'department' } } fields { name: 'rows' value { sql: 'agg0' } }"
             " fields { name: 'sum' value { sql: 'agg1' } } }");
}
BENCHMARK(window_15m)->Unit(benchmark::kMillisecond);

void interval_join(benchmark::State& state) {
  run(state, "interval_join { left_alias: 'a' right_alias: 'd' left_keys { sql: 'a.patient_id' } right_keys { sql: 'd.patient_id' }"
             " left_time { sql: 'a.event_timestamp' } right_time { sql: 'd.event_timestamp' } upper_us: 7776000000000"
             " fields { name: 'department' value { sql: 'd.department' } } }"
             " output { fields { name: 'department' type { id: 6 } } }", 2);
}
BENCHMARK(interval_join)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace systole::bench
