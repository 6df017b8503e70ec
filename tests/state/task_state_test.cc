#include "state/task_state.h"

#include <map>

#include "tests/state/state_fixture.h"

namespace systole::testing {
namespace {

restored_state save(task_state& state, uint64_t epoch) {
  restored_state saved;
  saved.handle = must(must(state.begin_snapshot(epoch_id(epoch)))->write());
  for (proto::TableDescriptor& descriptor : state.descriptors("step"))
    saved.tables.push_back({std::move(descriptor), "step"});
  return saved;
}

class task_state_test : public ::testing::Test {
 protected:
  std::unique_ptr<task_state> open(const std::vector<restored_state>& saved = {}, key_group_range groups = {0, 127}) {
    return must(open_task_state(options_in(scratch_.path(), *store_, true, groups), saved));
  }

  scratch_directory scratch_;
  std::unique_ptr<checkpoint_store> store_ =
      must(open_directory_store(posix_file_system(), scratch_.path() + "/store", "job"));
};

TEST_F(task_state_test, inserts_a_key_once_even_when_it_comes_twice_in_a_batch) {
  auto state = open();
  value_table& table = *must(state->open_values(table_named("seen")));
  const encoded_keys keys = keys_of({"a", "b", "a"});
  std::vector<state_entry> out(3);
  must(table.find_or_insert(keys, {}, out));
  EXPECT_TRUE(out[0].inserted);
  EXPECT_TRUE(out[1].inserted);
  EXPECT_FALSE(out[2].inserted);
  EXPECT_NE(out[2].value, nullptr);
  EXPECT_EQ(table.size(), 2u);
}

TEST_F(task_state_test, restores_accumulators_that_were_changed_in_place) {
  restored_state saved;
  const encoded_keys keys = keys_of({"a", "b"});
  {
    auto state = open();
    value_table& table = *must(state->open_values(table_named("counts", 16)));
    std::vector<state_entry> out(2);
    must(table.find_or_insert(keys, {}, out));
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(out[i].value) % 8, 0u);
      out[i].value[0] = std::byte(i + 1);
    }
    save(*state, 1);
    must(table.find_for_update(keys, std::vector<uint32_t>{1}, out));
    out[0].value[15] = std::byte(9);
    saved = save(*state, 2);
    must(table.find_for_update(keys, {}, out));
    out[0].value[0] = std::byte(77);  // after the barrier: not part of it
  }
  auto state = open({saved});
  value_table& table = *must(state->open_values(table_named("counts", 16)));
  std::vector<state_entry> out(2);
  must(table.find(keys, {}, out));
  ASSERT_NE(out[0].value, nullptr);
  ASSERT_NE(out[1].value, nullptr);
  EXPECT_EQ(out[0].value[0], std::byte(1));
  EXPECT_EQ(out[1].value[0], std::byte(2));
  EXPECT_EQ(out[1].value[15], std::byte(9));
}

TEST_F(task_state_test, refuses_a_table_whose_fingerprint_changed) {
  restored_state saved;
  {
    auto state = open();
    must(must(state->open_values(table_named("counts", 8)))->put("k", hash_key("k"), "12345678"));
    saved = save(*state, 1);
  }
  auto state = open({saved});
  table_descriptor changed = table_named("counts", 8);
  changed.fingerprint = "other";
  const auto opened = state->open_values(changed);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, error_code::incompatible);
}

TEST_F(task_state_test, forgets_a_dropped_table_for_good) {
  const auto key = std::string_view("k");
  restored_state saved;
  {
    auto state = open();
    must(must(state->open_values(table_named("kept")))->put(key, hash_key(key), "kept"));
    must(must(state->open_values(table_named("dropped")))->put(key, hash_key(key), "dropped"));
    saved = save(*state, 1);
  }
  {
    auto state = open({saved});
    (void)must(state->open_values(table_named("kept")));
    saved = save(*state, 2);
  }
  auto state = open({saved});
  EXPECT_EQ(must(must(state->open_values(table_named("kept")))->get(key, hash_key(key))), "kept");
  EXPECT_EQ(must(must(state->open_values(table_named("dropped")))->get(key, hash_key(key))), std::nullopt);
}

TEST_F(task_state_test, keeps_what_an_unwritten_snapshot_held) {
  restored_state saved;
  {
    auto state = open();
    value_table& table = *must(state->open_values(table_named("t")));
    must(table.put("a", hash_key("a"), "1"));
    must(state->begin_snapshot(epoch_id(1)));  // the checkpoint was aborted before it was written
    must(table.put("b", hash_key("b"), "2"));
    saved = save(*state, 2);
  }
  auto state = open({saved});
  value_table& table = *must(state->open_values(table_named("t")));
  EXPECT_EQ(must(table.get("a", hash_key("a"))), "1");
  EXPECT_EQ(must(table.get("b", hash_key("b"))), "2");
}

}  // namespace
}  // namespace systole::testing
