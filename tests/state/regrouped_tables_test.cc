// Tables that move between tasks: a plan at parallelism 1 may be one chain with all of them, at another one there is a task per
// step and key groups. Each task takes over files that hold the others' entries too, as they were then.
#include <cstdlib>
#include <map>
#include <random>

#include "tests/state/state_fixture.h"
#include "tests/support/seed.h"

namespace systole::testing::regrouped_tables_tests {
namespace {

using text_map = std::map<std::string, std::string>;

/// A task's tables, and how much memory it has.
struct backend {
  const char* name;
  bool in_memory;
  size_t memory_bytes;
};
void PrintTo(const backend& what, std::ostream* out) { *out << what.name; }

class regrouped_tables_test : public ::testing::TestWithParam<backend> {
 protected:
  struct running_task {
    key_group_range groups;
    std::map<std::string, value_table*> tables;
    std::unique_ptr<task_state> state;
  };

  /// `arrangement`: which tables lie in one task, each with the same parallelism.
  void open(const std::vector<std::vector<std::string>>& arrangement, uint32_t parallelism) {
    tasks_.clear();
    model_ = saved_model_;
    for (const std::vector<std::string>& names : arrangement) {
      for (uint32_t subtask = 0; subtask < parallelism; ++subtask) {
        const key_group_range groups = key_groups_of_subtask(subtask, parallelism, 128);
        task_state_options options = options_in(scratch_.path() + "/" + names[0], *store_, GetParam().in_memory, groups);
        options.memory_bytes = GetParam().memory_bytes;
        must(posix_file_system().create_directories(options.directory));
        running_task made{groups, {}, must(open_task_state(options, taken(names, groups)))};
        for (const std::string& name : names) made.tables[name] = must(made.state->open_values(table_named(name)));
        tasks_.push_back(std::move(made));
      }
    }
  }

  std::vector<restored_state> taken(const std::vector<std::string>& names, key_group_range groups) const {
    std::vector<restored_state> found;
    for (const restored_state& old : saved_) {
      if (old.handle.first_key_group() > groups.last || old.handle.last_key_group() < groups.first) continue;
      restored_state mine{old.handle, {}};
      for (const restored_table& table : old.tables) {
        if (std::find(names.begin(), names.end(), table.descriptor.name()) != names.end()) {
          mine.tables.push_back(table);
        } else {
          mine.has_others = true;
        }
      }
      if (!mine.tables.empty()) found.push_back(std::move(mine));
    }
    return found;
  }

  void change(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string table(1, static_cast<char>('a' + random_() % 3));
      const std::string key = "key " + std::to_string(random_() % 400);
      const uint64_t hash = hash_key(key);
      for (running_task& task : tasks_) {
        const auto found = task.tables.find(table);
        if (found == task.tables.end() || !task.groups.contains(key_group_of(hash, 128))) continue;
        if (random_() % 3 == 0) {
          must(found->second->erase(key, hash));
          model_[table].erase(key);
        } else {
          const std::string value = std::to_string(random_()) + std::string(random_() % 300, 'v');
          must(found->second->put(key, hash, value));
          model_[table][key] = value;
        }
      }
    }
  }

  void snapshot() {
    saved_.clear();
    for (running_task& task : tasks_) {
      restored_state made;
      made.handle = must(must(task.state->begin_snapshot(epoch_id(++epoch_)))->write());
      for (proto::TableDescriptor& table : task.state->descriptors("step")) made.tables.push_back({std::move(table), "step"});
      saved_.push_back(std::move(made));
    }
    saved_model_ = model_;
  }

  void check() {
    std::map<std::string, text_map> found;
    for (running_task& task : tasks_)
      for (auto& [name, table] : task.tables)
        must(table->for_each([&](std::string_view key, std::string_view value) {
          EXPECT_TRUE(found[name].emplace(key, value).second) << "twice";
          return true;
        }));
    for (const char* name : {"a", "b", "c"}) EXPECT_EQ(found[name], model_[name]) << "table " << name;
  }

  scratch_directory scratch_;
  std::unique_ptr<checkpoint_store> store_ =
      must(open_directory_store(posix_file_system(), scratch_.path() + "/store", "job"));
  const uint64_t seed_ = make_seed();
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "SYSTOLE_SEED=" + std::to_string(seed_)};
  std::mt19937_64 random_{seed_};
  std::vector<running_task> tasks_;
  std::vector<restored_state> saved_;
  std::map<std::string, text_map> model_, saved_model_;
  uint64_t epoch_ = 0;
};

TEST_P(regrouped_tables_test, equal_ordered_maps_however_they_are_grouped) {
  const std::vector<std::vector<std::vector<std::string>>> arrangements = {
      {{"a", "b", "c"}}, {{"a"}, {"b"}, {"c"}}, {{"a", "c"}, {"b"}}, {{"b", "c"}, {"a"}}};
  open(arrangements[0], 1);
  for (int round = 0; round < 40 && !HasFailure(); ++round) {
    const int epochs = static_cast<int>(random_() % 3);
    for (int i = 0; i < epochs; ++i) {
      change(300);
      snapshot();
    }
    change(100);  // lost with the restart
    open(arrangements[random_() % arrangements.size()], 1 + static_cast<uint32_t>(random_() % 3));
    check();
  }
}

// With too little memory there is a RocksDB base from the start, with some the deltas that were restored go into it.
INSTANTIATE_TEST_SUITE_P(backends, regrouped_tables_test,
                         ::testing::Values(backend{"memory", true, 64 << 20}, backend{"tiered", false, 64 << 20},
                                           backend{"tiered_with_a_base", false, 256 << 10},
                                           backend{"tiered_that_evicts", false, 96 << 10}),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace systole::testing::regrouped_tables_tests
