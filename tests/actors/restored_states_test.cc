#include "actors/restored_states.h"

#include <gtest/gtest.h>

#include "data/key_encoding.h"

namespace systole {
namespace {

struct saved_task {
  proto::TaskSnapshot& task;
  saved_task(proto::CheckpointMetadata& metadata, uint32_t subtask, uint32_t parallelism) : task(*metadata.add_tasks()) {
    const key_group_range groups = key_groups_of_subtask(subtask, parallelism, 128);
    task.set_subtask(subtask);
    task.mutable_keyed_state()->set_first_key_group(groups.first);
    task.mutable_keyed_state()->set_last_key_group(groups.last);
  }
  saved_task& node(const std::string& step, const std::string& role, std::vector<std::string> tables) {
    proto::NodeSnapshot& made = *task.add_nodes();
    made.set_step(step);
    made.set_role(role);
    for (const std::string& each : tables) made.add_tables()->set_name(each);
    return *this;
  }
};

/// One task of a plan of several nodes: names ending in "/columns" are projections, others aggregates.
struct one_task {
  proto::PhysicalPlan plan;
  planned_task task;
  one_task(uint32_t subtask, uint32_t parallelism, const std::vector<std::string>& nodes, const std::string& before = {}) {
    plan.set_max_parallelism(128);
    task.subtask = subtask;
    task.parallelism = parallelism;
    for (const std::string& name : nodes) {
      const size_t slash = name.find('/');
      proto::Node& node = *plan.add_nodes();
      node.set_id(static_cast<uint32_t>(plan.nodes_size()));
      node.set_step(name.substr(0, slash));
      node.set_renamed_from(before);
      if (slash == std::string::npos) {
        node.mutable_aggregate();
      } else {
        node.set_role(name.substr(slash + 1));
        node.mutable_project();
      }
      task.nodes.push_back(node.id());
    }
  }
};

/// "first key group: step.table, ...", with "+" where the old task had other tables too.
std::vector<std::string> taken(const proto::CheckpointMetadata& metadata, const one_task& by) {
  std::vector<std::string> made;
  for (const restored_state& each : restored_states(metadata, by.plan, by.task)) {
    std::string text = std::to_string(each.handle.first_key_group()) + ":";
    for (const restored_table& table : each.tables) text += " " + table.step + "." + table.descriptor.name();
    made.push_back(text + (each.has_others ? " +" : ""));
  }
  return made;
}

using texts = std::vector<std::string>;

/// At parallelism 1 a whole job may be one chain; a step's tables are listed with the first of its nodes there, and that
/// one may run elsewhere than the one that has them at another parallelism.
TEST(restored_states, of_one_chain_each_task_takes_the_tables_of_its_stateful_steps) {
  proto::CheckpointMetadata metadata;
  saved_task(metadata, 0, 1).node("stays", "columns", {"left", "right"}).node("stays", "", {}).node("units", "", {"groups"});
  EXPECT_EQ(taken(metadata, {0, 2, {"stays"}}), (texts{"0: stays.left stays.right +"}));
  EXPECT_EQ(taken(metadata, {1, 2, {"units"}}), (texts{"0: units.groups +"}));
  EXPECT_EQ(taken(metadata, {1, 2, {"stays/columns"}}), texts{}) << "a projection has no tables";
  EXPECT_EQ(taken(metadata, {0, 1, {"stays/columns", "stays", "units"}}), (texts{"0: stays.left stays.right units.groups"}));
}

/// The stale copy of the chain that a projection's task would bring is what lost rows once.
TEST(restored_states, of_many_tasks_only_those_that_had_the_tables_count) {
  proto::CheckpointMetadata metadata;
  for (uint32_t i = 0; i < 2; ++i) {
    saved_task(metadata, i, 2).node("seen", "", {"keys"}).node("units", "columns", {});
    saved_task(metadata, i, 2).node("units", "", {"groups"});
  }
  EXPECT_EQ(taken(metadata, {0, 1, {"units"}}), (texts{"0: units.groups", "64: units.groups"}));
  EXPECT_EQ(taken(metadata, {0, 1, {"seen", "units/columns", "units"}}),
            (texts{"0: seen.keys", "0: units.groups", "64: seen.keys", "64: units.groups"}));
  EXPECT_EQ(taken(metadata, {2, 3, {"units"}}), (texts{"64: units.groups"})) << "groups 86 to 127";
}

TEST(restored_states, a_former_name_counts_where_the_new_one_is_not_there) {
  proto::CheckpointMetadata metadata;
  saved_task(metadata, 0, 1).node("old", "", {"groups"}).node("gone", "", {"groups"});
  EXPECT_EQ(taken(metadata, {0, 1, {"new"}, "old"}), (texts{"0: new.groups +"}));
  EXPECT_EQ(taken(metadata, {0, 1, {"new"}}), texts{});
  saved_task(metadata, 0, 1).node("new", "", {"groups"});
  EXPECT_EQ(taken(metadata, {0, 1, {"new"}, "old"}), (texts{"0: new.groups"}));
}

}  // namespace
}  // namespace systole
