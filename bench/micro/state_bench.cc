// Keyed state: what one row costs. Run with the filter state. Keys are UUID texts, which encode to 17 bytes.
#include <benchmark/benchmark.h>

#include <unistd.h>

#include <filesystem>
#include <random>

#include "base/file_system.h"
#include "data/column.h"
#include "state/store/checkpoint_store.h"
#include "state/task_state.h"

namespace {

using namespace systole;

constexpr size_t rows_per_batch = 4096;

std::string uuid_text(std::mt19937_64& random) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text(36, '-');
  for (size_t i = 0; i < text.size(); ++i) {
    if (i != 8 && i != 13 && i != 18 && i != 23) text[i] = digits[random() % 16];
  }
  return text;
}

std::vector<encoded_keys> make_keys(size_t keys, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<encoded_keys> batches;
  for (size_t made = 0; made < keys; made += rows_per_batch) {
    column_builder builder({type_id::text}, rows_per_batch);
    for (size_t i = 0; i < rows_per_batch; ++i) builder.append_text_copy(uuid_text(random));
    const column_ptr texts = builder.finish();
    const column* columns[] = {texts.get()};
    batches.emplace_back().encode(columns, rows_per_batch);
  }
  return batches;
}

class state_under_test {
 public:
  state_under_test() : directory_((std::filesystem::temp_directory_path() / ("systole-bench-" + std::to_string(getpid()))).string()) {
    std::filesystem::remove_all(directory_);
    store_ = open_directory_store(posix_file_system(), directory_ + "/store", "bench").value();
    task_state_options options;
    options.directory = directory_ + "/task";
    options.in_memory = true;
    options.groups = {0, 127};
    options.files = &posix_file_system();
    options.store = store_.get();
    state_ = open_task_state(options, {}).value();
  }
  ~state_under_test() {
    state_.reset();
    std::filesystem::remove_all(directory_);
  }
  value_table& values(uint32_t fixed_bytes) {
    return *state_->open_values({"step", "table", 1, "", "", fixed_bytes}).value();
  }
  timer_table& timers() { return *state_->open_timers({"step", "timers", 1, "", "", 0}).value(); }
  map_table& map() { return *state_->open_map({"step", "map", 1, "", "", 0}).value(); }
  task_state& state() { return *state_; }

 private:
  std::string directory_;
  std::unique_ptr<checkpoint_store> store_;
  std::unique_ptr<task_state> state_;
};

void state_insert_new(benchmark::State& run) {
  const auto batches = make_keys(static_cast<size_t>(run.range(0)), 1);
  std::vector<state_entry> out(rows_per_batch);
  for (auto _ : run) {
    run.PauseTiming();
    {
      state_under_test made;
      value_table& table = made.values(static_cast<uint32_t>(run.range(1)));
      run.ResumeTiming();
      for (const encoded_keys& keys : batches) {
        if (!table.find_or_insert(keys, {}, out)) std::abort();
      }
      run.PauseTiming();
      run.counters["bytes_per_key"] = static_cast<double>(made.state().memory_bytes()) / static_cast<double>(table.size());
    }
    run.ResumeTiming();
  }
  run.SetItemsProcessed(run.iterations() * static_cast<int64_t>(batches.size() * rows_per_batch));
}
BENCHMARK(state_insert_new)
    ->Args({2 << 20, 0})
    ->Args({10'000, 16})
    ->Args({100'000, 16})
    ->Args({1'000'000, 16})
    ->Args({10'000'000, 16})
    ->Unit(benchmark::kMillisecond);

void state_find(benchmark::State& run) {
  const auto batches = make_keys(static_cast<size_t>(run.range(0)), 1);
  state_under_test made;
  value_table& table = made.values(16);
  std::vector<state_entry> out(rows_per_batch);
  for (const encoded_keys& keys : batches) {
    if (!table.find_or_insert(keys, {}, out)) std::abort();
  }
  size_t next = 0;
  for (auto _ : run) {
    if (!table.find(batches[next++ % batches.size()], {}, out)) std::abort();
    benchmark::DoNotOptimize(out.data());
  }
  run.SetItemsProcessed(run.iterations() * static_cast<int64_t>(rows_per_batch));
}
BENCHMARK(state_find)->Arg(10'000)->Arg(100'000)->Arg(1'000'000)->Arg(10'000'000);

/// A group-by of few keys: every batch updates the same ones in place.
void state_update_few_keys(benchmark::State& run) {
  std::mt19937_64 random(1);
  std::vector<std::string> texts;
  for (int64_t i = 0; i < run.range(0); ++i) texts.push_back("department " + std::to_string(i));
  column_builder builder({type_id::text}, rows_per_batch);
  for (size_t i = 0; i < rows_per_batch; ++i) builder.append_text_copy(texts[random() % texts.size()]);
  const column_ptr column_of_texts = builder.finish();
  const column* columns[] = {column_of_texts.get()};
  encoded_keys keys;
  keys.encode(columns, rows_per_batch);
  state_under_test made;
  value_table& table = made.values(16);
  std::vector<state_entry> out(rows_per_batch);
  for (auto _ : run) {
    if (!table.find_or_insert(keys, {}, out)) std::abort();
    for (const state_entry& entry : out) entry.value[0] = static_cast<std::byte>(static_cast<int>(entry.value[0]) + 1);
  }
  run.SetItemsProcessed(run.iterations() * static_cast<int64_t>(rows_per_batch));
}
BENCHMARK(state_update_few_keys)->Arg(15)->Arg(1000);

/// The barrier: what the task's thread copies, and what the state thread then does.
void state_snapshot(benchmark::State& run) {
  const auto batches = make_keys(500'000, 1);
  state_under_test made;
  value_table& table = made.values(16);
  std::vector<state_entry> out(rows_per_batch);
  uint64_t epoch = 0;
  const bool with_write = run.range(0) != 0;
  for (auto _ : run) {
    run.PauseTiming();
    for (const encoded_keys& keys : batches) {
      if (!table.find_or_insert(keys, {}, out)) std::abort();
    }
    run.ResumeTiming();
    auto snapshot = made.state().begin_snapshot(epoch_id(++epoch)).value();
    if (!with_write) run.PauseTiming();
    if (!snapshot->write()) std::abort();
    if (!with_write) run.ResumeTiming();
  }
  run.SetItemsProcessed(run.iterations() * static_cast<int64_t>(batches.size() * rows_per_batch));
}
BENCHMARK(state_snapshot)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->Iterations(8);

void state_map_put(benchmark::State& run) {
  const auto batches = make_keys(500'000, 1);
  const std::string subkey = "12345678";
  const std::string value(32, 'v');
  for (auto _ : run) {
    run.PauseTiming();
    {
      state_under_test made;
      map_table& table = made.map();
      run.ResumeTiming();
      for (const encoded_keys& keys : batches) {
        table.prefetch(keys);
        for (size_t row = 0; row < keys.size(); ++row) {
          if (!table.put(keys.key(row), keys.hash(row), subkey, value)) std::abort();
        }
      }
      run.PauseTiming();
      run.counters["bytes_per_entry"] = static_cast<double>(made.state().memory_bytes()) / static_cast<double>(table.size());
    }
    run.ResumeTiming();
  }
  run.SetItemsProcessed(run.iterations() * static_cast<int64_t>(batches.size() * rows_per_batch));
}
BENCHMARK(state_map_put)->Unit(benchmark::kMillisecond);

void state_map_one_long_list(benchmark::State& run) {
  const std::string value(32, 'v');
  std::mt19937_64 random(1);
  std::vector<std::string> subkeys;
  for (int i = 0; i < 100'000; ++i) subkeys.push_back(std::to_string(random()));
  for (auto _ : run) {
    state_under_test made;
    map_table& table = made.map();
    for (const std::string& subkey : subkeys) {
      if (!table.put("key", hash_key("key"), subkey, value)) std::abort();
    }
  }
  run.SetItemsProcessed(run.iterations() * static_cast<int64_t>(subkeys.size()));
}
BENCHMARK(state_map_one_long_list)->Unit(benchmark::kMillisecond);

void state_timers(benchmark::State& run) {
  const auto batches = make_keys(1 << 20, 1);
  for (auto _ : run) {
    run.PauseTiming();
    {
      state_under_test made;
      timer_table& timers = made.timers();
      std::mt19937_64 random(1);
      run.ResumeTiming();
      timestamp_us time = 0;
      for (const encoded_keys& keys : batches) {
        for (size_t row = 0; row < keys.size(); ++row) {
          // About in order, as event times are.
          time += 100;
          if (!timers.set(time + static_cast<timestamp_us>(random() % 1'000'000), keys.key(row), keys.hash(row))) std::abort();
        }
      }
      run.PauseTiming();
      run.counters["bytes_per_timer"] = static_cast<double>(made.state().memory_bytes()) / static_cast<double>(timers.size());
      run.ResumeTiming();
      while (timers.pop_due(time + 1'000'000).value()) continue;
      run.PauseTiming();
    }
    run.ResumeTiming();
  }
  run.SetItemsProcessed(run.iterations() * static_cast<int64_t>(batches.size() * rows_per_batch));
}
BENCHMARK(state_timers)->Unit(benchmark::kMillisecond);

}  // namespace
