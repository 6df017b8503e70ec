// What comes and goes: it costs neither memory nor log for longer than it is there.
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "tests/state/state_fixture.h"

namespace systole::testing {
namespace {

std::string key_of(size_t number) { return "visit-" + std::to_string(number); }

class short_lived_test : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    store_ = must(open_directory_store(posix_file_system(), scratch_.path() + "/store", "job"));
    state_ = must(open_task_state(options_in(scratch_.path(), *store_, GetParam()), {}));
    rows_ = must(state_->open_map(table_named("rows")));
  }
  proto::KeyedStateHandle checkpoint() { return must(must(state_->begin_snapshot(epoch_id(++epoch_)))->write()); }
  void put(const std::string& key, const std::string& subkey, const std::string& value = "value") {
    must(rows_->put(key, hash_key(key), subkey, value));
  }
  void erase(const std::string& key, const std::string& subkey) { must(rows_->erase(key, hash_key(key), subkey)); }

  scratch_directory scratch_;
  std::unique_ptr<checkpoint_store> store_;
  std::unique_ptr<task_state> state_;
  map_table* rows_ = nullptr;
  uint64_t epoch_ = 0;
};

TEST_P(short_lived_test, what_is_erased_before_the_next_checkpoint_is_never_written) {
  for (size_t i = 0; i < 10'000; ++i) put(key_of(i), "a");
  for (size_t i = 0; i < 10'000; ++i) put(key_of(i), "b");
  for (size_t i = 0; i < 10'000; ++i) erase(key_of(i), "a");
  for (size_t i = 0; i < 10'000; ++i) erase(key_of(i), "b");
  EXPECT_EQ(rows_->size(), 0);
  const proto::KeyedStateHandle written = checkpoint();
  EXPECT_EQ(written.deltas_size(), 0) << written.ShortDebugString();
}

TEST_P(short_lived_test, what_is_new_is_written_as_it_is_at_the_checkpoint) {
  put("stays", "a", "first");
  put("stays", "b", "first");
  put("stays", "a", "second");
  erase("stays", "b");
  put("returns", "a", "first");
  erase("returns", "a");
  put("returns", "a", "second");
  put("large", "a", std::string(5000, 'x'));
  put("large", "b", std::string(5000, 'y'));
  erase("large", "a");
  const proto::KeyedStateHandle written = checkpoint();
  put("stays", "c", "lost");
  std::vector<restored_table> tables;
  for (const proto::TableDescriptor& each : state_->descriptors("step")) tables.push_back({each, "step"});
  const auto again = must(open_task_state(options_in(scratch_.path() + "/again", *store_, GetParam()), {{written, tables}}));
  map_table& restored = *must(again->open_map(table_named("rows")));
  std::map<std::pair<std::string, std::string>, std::string> found;
  must(restored.for_each([&](std::string_view key, std::string_view subkey, std::string_view value) {
    found[{std::string(key), std::string(subkey)}] = value;
    return true;
  }));
  EXPECT_EQ(found, (std::map<std::pair<std::string, std::string>, std::string>{
                       {{"stays", "a"}, "second"}, {{"returns", "a"}, "second"}, {{"large", "b"}, std::string(5000, 'y')}}));
}

// The deltas outgrow their limit, so that there is a base that holds erased keys; memory is far from its own limit.
TEST_P(short_lived_test, erased_keys_take_no_memory_once_there_is_a_base) {
  const std::string value(1 << 20, 'v');
  for (int epoch = 0; epoch < 5; ++epoch) {
    for (int i = 0; i < 30; ++i) put("large", std::to_string(i), value);
    checkpoint();
  }
  const auto come_and_go = [&](size_t round) {
    constexpr size_t keys = 20'000;
    for (size_t i = 0; i < keys; ++i) put(key_of(round * keys + i), "a");
    checkpoint();
    for (size_t i = 0; i < keys; ++i) erase(key_of(round * keys + i), "a");
    checkpoint();
  };
  come_and_go(0);
  const uint64_t before = state_->memory_bytes();
  for (size_t round = 1; round <= 10; ++round) come_and_go(round);
  EXPECT_LT(state_->memory_bytes(), before + (2 << 20));
}

INSTANTIATE_TEST_SUITE_P(backends, short_lived_test, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "memory" : "tiered"; });

}  // namespace
}  // namespace systole::testing
