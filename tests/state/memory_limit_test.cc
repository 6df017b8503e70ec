#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/state/state_fixture.h"

namespace systole::testing {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr ? otherwise : std::strtoull(given, nullptr, 10);
}

/// Keys of a BIGINT column, first .. first + count - 1, each times `step`.
encoded_keys numbers(uint64_t first, size_t count, uint64_t step = 1) {
  column_builder builder({type_id::int64}, count);
  for (size_t i = 0; i < count; ++i) builder.append<int64_t>(static_cast<int64_t>((first + i) * step));
  const column_ptr made = builder.finish();
  const column* columns[] = {made.get()};
  encoded_keys keys;
  keys.encode(columns, count);
  return keys;
}

// To measure: SYSTOLE_STATE_KEYS=20000000 SYSTOLE_STATE_MEMORY=67108864 test_state --gtest_filter=memory_limit*
TEST(memory_limit_test, state_of_eight_times_its_limit_works_within_it) {
  const uint64_t keys = from_environment("SYSTOLE_STATE_KEYS", 600'000);
  const uint64_t limit = from_environment("SYSTOLE_STATE_MEMORY", 2 << 20);
  constexpr size_t batch_rows = 4096;
  constexpr uint64_t batches_per_epoch = 25;
  scratch_directory scratch;
  const auto store = must(open_directory_store(posix_file_system(), scratch.path() + "/store", "job"));
  task_state_options options = options_in(scratch.path(), *store, false);
  options.memory_bytes = limit;
  const auto state = must(open_task_state(options, {}));
  value_table& seen = *must(state->open_values(table_named("seen")));
  std::vector<state_entry> out(batch_rows);
  uint64_t most_bytes = 0, epoch = 0, inserted = 0;
  using clock = std::chrono::steady_clock;
  const auto seconds_since = [](clock::time_point then) { return std::chrono::duration<double>(clock::now() - then).count(); };
  auto started = clock::now();
  for (uint64_t first = 0; first < keys; first += batch_rows) {
    const encoded_keys batch = numbers(first, batch_rows);
    must(seen.find_or_insert(batch, {}, out));
    for (const state_entry& each : out) inserted += each.inserted;
    most_bytes = std::max(most_bytes, state->memory_bytes());
    if (first / batch_rows % batches_per_epoch == 0) must(must(state->begin_snapshot(epoch_id(++epoch)))->write());
  }
  const double insert_seconds = seconds_since(started);
  const uint64_t rows = (keys + batch_rows - 1) / batch_rows * batch_rows;
  EXPECT_EQ(inserted, rows);
  EXPECT_EQ(seen.size(), rows);
  // All over the state, so that nearly each is read back from disk.
  started = clock::now();
  constexpr uint64_t lookups = 50 * batch_rows;
  for (uint64_t done = 0; done < lookups; done += batch_rows) {
    const encoded_keys batch = numbers(done, batch_rows, rows / lookups > 0 ? rows / lookups : 1);
    must(seen.find_or_insert(batch, {}, out));
    for (const state_entry& each : out) ASSERT_FALSE(each.inserted);
    most_bytes = std::max(most_bytes, state->memory_bytes());
  }
  std::printf("      %llu keys, limit %.0f MiB, at most %.1f MiB: %.2f M inserts/s, %.3f M reads back/s, %llu epochs\n",
              static_cast<unsigned long long>(rows), static_cast<double>(limit) / (1 << 20),
              static_cast<double>(most_bytes) / (1 << 20), static_cast<double>(rows) / insert_seconds / 1e6,
              static_cast<double>(lookups) / seconds_since(started) / 1e6, static_cast<unsigned long long>(epoch));
  // What 128 key groups and the log take at least may come on top of it.
  EXPECT_LT(most_bytes, limit + (2 << 20));
  const auto handle = must(must(state->begin_snapshot(epoch_id(++epoch)))->write());
  EXPECT_GT(handle.base_size(), 0);
}

}  // namespace
}  // namespace systole::testing
