#include "coordination/plan_difference.h"

#include <gtest/gtest.h>

namespace systole {
namespace {

using kind = step_difference::kind;

proto::Node& add_node(proto::PhysicalPlan& plan, const std::string& step) {
  proto::Node& node = *plan.add_nodes();
  node.set_id(static_cast<uint32_t>(plan.nodes_size()) + 10);
  node.set_step(step);
  if (plan.nodes_size() > 1) node.add_inputs()->set_from(plan.nodes(plan.nodes_size() - 2).id());
  return node;
}

proto::PhysicalPlan plan_of(const std::vector<std::string>& steps) {
  proto::PhysicalPlan plan;
  for (const std::string& each : steps) add_node(plan, each).mutable_filter()->mutable_predicate()->set_sql(each + " > 1");
  return plan;
}

std::string told(const proto::PhysicalPlan& before, const proto::PhysicalPlan& after) {
  std::string made;
  for (const step_difference& each : compare_plans(before, after)) made += each.step + " " + name_of(each.what) + "; ";
  return made;
}

TEST(plan_difference, the_same_plan_with_other_numbers_and_parallelism_is_the_same) {
  proto::PhysicalPlan after = plan_of({"a", "b"});
  after.mutable_nodes(0)->set_id(7);
  after.mutable_nodes(0)->set_stage(3);
  after.mutable_nodes(1)->mutable_inputs(0)->set_from(7);
  after.mutable_nodes(1)->mutable_inputs(0)->set_exchange(proto::Edge::HASH);
  EXPECT_EQ(told(plan_of({"a", "b"}), after), "a same; b same; ");
}

TEST(plan_difference, tells_what_is_added_removed_and_changed) {
  proto::PhysicalPlan after = plan_of({"a", "b", "d"});
  after.mutable_nodes(1)->mutable_filter()->mutable_predicate()->set_sql("b > 2");
  EXPECT_EQ(told(plan_of({"a", "b", "c"}), after), "a same; b changed; d added; c removed; ");
}

TEST(plan_difference, another_input_is_a_change) {
  proto::PhysicalPlan after = plan_of({"a", "b", "c"});
  after.mutable_nodes(2)->mutable_inputs(0)->set_from(after.nodes(0).id());
  EXPECT_EQ(told(plan_of({"a", "b", "c"}), after), "a same; b same; c changed; ");
}

TEST(plan_difference, all_nodes_of_a_step_count_and_it_is_told_once) {
  proto::PhysicalPlan before = plan_of({"a", "b", "b"}), after = before;
  EXPECT_EQ(told(before, after), "a same; b same; ");
  after.mutable_nodes(2)->set_role("global");
  EXPECT_EQ(told(before, after), "a same; b changed; ");
}

}  // namespace
}  // namespace systole
