// What operators cost per row, on the steps of bench/workloads, without decoding and sinks: rows/s of one core. Run with
// --benchmark_filter=operator. Each iteration begins with empty state and works through all batches.
#include <benchmark/benchmark.h>
#include <google/protobuf/text_format.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "base/file_system.h"
#include "operators/factory.h"
#include "state/store/checkpoint_store.h"
#include "state/task_state.h"

namespace {

using namespace systole;

constexpr size_t batch_rows = 4096;
constexpr size_t batches = 64;
constexpr int64_t second = 1'000'000;
constexpr int64_t first_time = 1'767'225'600 * second;  // 2026-01-01

void must(const result<void>& outcome) {
  if (!outcome) std::abort();
}

/// Counts what comes.
class counting_output final : public output {
 public:
  void push(batch made) override {
    rows += made.rows();
    if (next) next->process(std::move(made), 0, *after).value();
  }
  bool full() const override { return false; }
  void reject(const batch&, uint32_t, const reject_reason&) override { ++rejected; }
  uint64_t rows = 0, rejected = 0;
  stream_operator* next = nullptr;
  output* after = nullptr;
};

/// A task's state in a folder of its own, and operators made with it.
class bench_task {
 public:
  bench_task() : directory_((std::filesystem::temp_directory_path() / ("systole-operators-" + std::to_string(getpid()))).string()) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_ + "/task");
    store_ = open_directory_store(posix_file_system(), directory_ + "/store", "bench").value();
    state_ = open_task_state({.directory = directory_ + "/task",
                              .memory_bytes = size_t{1} << 30,
                              .groups = {0, 127},
                              .files = &posix_file_system(),
                              .store = store_.get()},
                             {}).value();
  }
  ~bench_task() {
    operators_.clear();
    state_.reset();
    std::filesystem::remove_all(directory_);
  }
  stream_operator& make(const std::string& text, const std::vector<schema>& inputs, const std::string& step) {
    proto::Node node;
    if (!google::protobuf::TextFormat::ParseFromString(text, &node)) std::abort();
    node.set_step(step);
    std::vector<operator_input> of;
    for (const schema& each : inputs) of.push_back({each, false, {}});
    operators_.push_back(make_operator(node, of,
                                       {.step = step,
                                        .batch_rows = batch_rows,
                                        .state = state_.get(),
                                        .time = &clock_,
                                        .parameters = &parameters_,
                                        .accounting = &accounting_}).value());
    must(operators_.back()->open());
    return *operators_.back();
  }

 private:
  std::string directory_;
  std::unique_ptr<checkpoint_store> store_;
  std::unique_ptr<task_state> state_;
  std::vector<std::unique_ptr<stream_operator>> operators_;
  step_accounting accounting_;
  manual_clock clock_;
  parameter_map parameters_;
};

std::string uuid_text(uint64_t number) {
  std::mt19937_64 random(number);
  char text[40];
  const uint64_t a = random(), b = random();
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<uint32_t>(a >> 32), static_cast<uint32_t>(a >> 16 & 0xffff),
                static_cast<uint32_t>(a & 0xffff), static_cast<uint32_t>(b >> 48), static_cast<unsigned long long>(b & 0xffff'ffff'ffffULL));
  return text;
}

const char* const departments[] = {"Emergency", "Surgery", "ICU", "Pediatrics", "Maternity", "Oncology", "Cardiology", "Internal Medicine"};

schema event_columns() {
  return {{{"event_id", {type_id::text}}, {"patient_id", {type_id::text}}, {"event_type", {type_id::text}}, {"hospital_id", {type_id::int32}},
           {"department", {type_id::text}}, {"event_timestamp", {type_id::timestamptz}}, {"stay", {type_id::int64}}}};
}

/// Events a second apart per `per_second`; patients come back so that every second event discharges one.
const std::vector<batch>& events() {
  static const std::vector<batch> made = [] {
    std::vector<batch> all;
    std::mt19937_64 random(7);
    uint64_t number = 0;
    for (size_t b = 0; b < batches; ++b) {
      std::vector<column_builder> builders;
      for (const field& each : event_columns().fields) builders.emplace_back(each.type, batch_rows);
      column_builder positions(hidden_types[static_cast<size_t>(hidden::position)], batch_rows);
      for (size_t i = 0; i < batch_rows; ++i, ++number) {
        const int64_t time = first_time + static_cast<int64_t>(number) * second / 20;
        builders[0].append_text_copy(uuid_text(number));
        builders[1].append_text_copy(uuid_text(number / 2 % 20'000 + 1'000'000'000));
        builders[2].append_text_copy(number % 2 == 0 ? "ADMISSION" : "DISCHARGE");
        builders[3].append<int32_t>(static_cast<int32_t>(random() % 500));
        builders[4].append_text_copy(departments[random() % 8]);
        builders[5].append<int64_t>(time);
        builders[6].append<int64_t>(static_cast<int64_t>(random() % 100'000));
        positions.append<int128>(static_cast<int128>(row_position{.offset = number}.pack()));
      }
      std::vector<column_ptr> columns;
      for (column_builder& each : builders) columns.push_back(each.finish());
      batch rows(batch_rows, columns);
      rows.set_hidden(hidden::event_time, columns[5]);
      rows.set_hidden(hidden::position, positions.finish());
      all.push_back(std::move(rows));
    }
    return all;
  }();
  return made;
}

void finish(benchmark::State& state, uint64_t rows_in, uint64_t rows_out) {
  state.SetItemsProcessed(static_cast<int64_t>(rows_in));
  state.counters["out"] = benchmark::Counter(static_cast<double>(rows_out) / static_cast<double>(rows_in));
}

/// Feeds all batches to input 0, with a watermark 30 s behind after each.
void run(benchmark::State& state, const std::string& node, bool watermarks) {
  const std::vector<batch>& given = events();
  uint64_t in = 0, rows_out = 0;
  for (auto _ : state) {
    state.PauseTiming();
    bench_task task;
    stream_operator& op = task.make(node, {event_columns()}, "step");
    counting_output out;
    state.ResumeTiming();
    for (const batch& each : given) {
      op.process(each, 0, out).value();
      if (watermarks) op.on_watermark(each.event_time(batch_rows - 1) - 30 * second, out).value();
      in += each.rows();
    }
    if (watermarks) op.on_watermark(watermark_end, out).value();
    state.PauseTiming();
    rows_out += out.rows;
    state.ResumeTiming();
  }
  finish(state, in, rows_out);
}

void operator_filter(benchmark::State& state) {
  run(state, R"(filter { predicate { sql: "event_type = 'ADMISSION'" } })", false);
}

void operator_deduplicate(benchmark::State& state) {
  run(state, R"(deduplicate { key { sql: "event_id" } })", false);
}

/// h2: a running sum per unit, a change row (with -U: two) for every row.
void operator_aggregate_each_change(benchmark::State& state) {
  run(state, std::string(state.range(0) ? "omit_update_before: true " : "") + R"node(aggregate { emit_each_change: true
    key_by { name: "hospital_id" value { sql: "hospital_id" } } key_by { name: "department" value { sql: "department" } }
    calls { name: "agg0" function: "sum" argument { sql: "CASE event_type WHEN 'ADMISSION' THEN 1 ELSE -1 END" } }
    fields { name: "hospital_id" value { sql: "hospital_id" } } fields { name: "department" value { sql: "department" } }
    fields { name: "occupied" value { sql: "agg0" } } })node", false);
}

void operator_aggregate_per_batch(benchmark::State& state) {
  run(state, R"node(aggregate {
    key_by { name: "hospital_id" value { sql: "hospital_id" } } key_by { name: "department" value { sql: "department" } }
    calls { name: "agg0" function: "count" } calls { name: "agg1" function: "sum" argument { sql: "stay" } } })node", false);
}

/// h4: 15-minute windows per unit.
void operator_window(benchmark::State& state) {
  run(state, R"node(window { size_us: 900000000 slide_us: 900000000 on_late: "reject"
    key_by { name: "key0" value { sql: "hospital_id" } } key_by { name: "key1" value { sql: "department" } }
    calls { name: "agg0" function: "count" } calls { name: "agg1" function: "sum" argument { sql: "stay" } }
    calls { name: "agg2" function: "max" argument { sql: "stay" } }
    fields { name: "opened" value { sql: "window_start" } } fields { name: "hospital" value { sql: "key0" } } fields { name: "department" value { sql: "key1" } }
    fields { name: "n" value { sql: "agg0" } } fields { name: "sum" value { sql: "agg1" } } fields { name: "max" value { sql: "agg2" } } })node", true);
}

constexpr const char* stays = R"node(interval_join { left_alias: "a" right_alias: "d"
    left_keys { sql: "a.patient_id" } right_keys { sql: "d.patient_id" } left_time { sql: "a.event_timestamp" } right_time { sql: "d.event_timestamp" }
    lower_us: 0 upper_us: 7776000000000
    fields { name: "department" value { sql: "d.department" } }
    fields { name: "stay_s" value { sql: "floor(extract(epoch FROM date_trunc('milliseconds', d.event_timestamp) - date_trunc('milliseconds', a.event_timestamp)))::bigint" } } })node";

constexpr const char* daily = R"node(window { size_us: 86400000000 slide_us: 86400000000 on_late: "reject"
    key_by { name: "key0" value { sql: "department" } }
    calls { name: "agg0" function: "count" } calls { name: "agg1" function: "sum" argument { sql: "stay_s" } }
    calls { name: "agg2" function: "min" argument { sql: "stay_s" } } calls { name: "agg3" function: "max" argument { sql: "stay_s" } }
    fields { name: "opened" value { sql: "window_start" } } fields { name: "department" value { sql: "key0" } }
    fields { name: "n" value { sql: "agg0" } } fields { name: "sum" value { sql: "agg1" } } fields { name: "min" value { sql: "agg2" } } fields { name: "max" value { sql: "agg3" } } })node";

/// h3: admissions joined to discharges of the patient; with an argument of 1 into day windows.
void operator_interval_join(benchmark::State& state) {
  std::vector<batch> sides[2];
  for (const batch& each : events()) {
    std::vector<uint32_t> rows[2];
    for (uint32_t row = 0; row < each.rows(); ++row) rows[row % 2].push_back(row);
    for (size_t side = 0; side < 2; ++side) sides[side].push_back(gather(each, rows[side]));
  }
  uint64_t in = 0, rows_out = 0;
  for (auto _ : state) {
    state.PauseTiming();
    bench_task task;
    stream_operator& join = task.make(stays, {event_columns(), event_columns()}, "stays");
    counting_output joined, last;
    if (state.range(0)) {
      joined.next = &task.make(daily, {schema{{{"department", {type_id::text}}, {"stay_s", {type_id::int64}}}}}, "daily");
      joined.after = &last;
    }
    state.ResumeTiming();
    for (size_t i = 0; i < batches; ++i) {
      for (uint32_t side = 0; side < 2; ++side) join.process(sides[side][i], side, joined).value();
      const timestamp_us watermark = sides[1][i].event_time(batch_rows / 2 - 1) - 30 * second;
      join.on_watermark(watermark, joined).value();
      if (joined.next) joined.next->on_watermark(watermark, last).value();
      in += batch_rows;
    }
    state.PauseTiming();
    rows_out += joined.rows;
    state.ResumeTiming();
  }
  finish(state, in, rows_out);
}

BENCHMARK(operator_filter)->Unit(benchmark::kMillisecond);
BENCHMARK(operator_deduplicate)->Unit(benchmark::kMillisecond);
BENCHMARK(operator_aggregate_each_change)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(operator_aggregate_per_batch)->Unit(benchmark::kMillisecond);
BENCHMARK(operator_window)->Unit(benchmark::kMillisecond);
BENCHMARK(operator_interval_join)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
