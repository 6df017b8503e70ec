#include "coordination/restored_nodes.h"

#include <gtest/gtest.h>

namespace systole {
namespace {

proto::NodeSnapshot snapshot(const std::string& step, const std::string& role, std::vector<std::string> tables) {
  proto::NodeSnapshot made;
  made.set_step(step);
  made.set_role(role);
  for (const std::string& each : tables) made.add_tables()->set_name(each);
  return made;
}

proto::Node node(const std::string& step, const std::string& role, const std::string& before = {}) {
  proto::Node made;
  made.set_step(step);
  made.set_role(role);
  made.set_renamed_from(before);
  return made;
}

std::vector<std::string> names(const std::vector<proto::TableDescriptor>& tables) {
  std::vector<std::string> made;
  for (const proto::TableDescriptor& each : tables) made.push_back(each.name());
  return made;
}

/// At parallelism 1 a whole job may be one chain; a step's tables are listed with the first of its nodes there, and that
/// one may run elsewhere than the one that has them at another parallelism.
TEST(restored_nodes, a_step_has_its_tables_whichever_of_its_nodes_listed_them) {
  proto::CheckpointMetadata metadata;
  for (int task = 0; task < 2; ++task) {
    proto::TaskSnapshot& at = *metadata.add_tasks();
    *at.add_nodes() = snapshot("stays", "columns0", {"left", "right"});
    *at.add_nodes() = snapshot("stays", "", {});
    *at.add_nodes() = snapshot("other", "", {"groups"});
  }
  EXPECT_EQ(names(restored_step_tables(metadata, node("stays", ""))), (std::vector<std::string>{"left", "right"}));
  EXPECT_EQ(names(restored_step_tables(metadata, node("new", "", "other"))), std::vector<std::string>{"groups"});
  EXPECT_EQ(names(restored_step_tables(metadata, node("new", ""))), std::vector<std::string>{});
  EXPECT_EQ(restored_nodes(metadata, node("stays", "")).size(), 2u);
}

}  // namespace
}  // namespace systole
