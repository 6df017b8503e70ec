#include "coordination/deployment.h"

#include <gtest/gtest.h>

#include <set>

#include "coordination/restored_nodes.h"

namespace systole::testing {
namespace {

struct plan_writer {
  proto::PhysicalPlan plan;
  plan_writer() { plan.set_max_parallelism(128); }
  plan_writer& stage(uint32_t id, uint32_t parallelism) {
    proto::Stage* made = plan.add_stages();
    made->set_id(id);
    made->set_parallelism(parallelism);
    return *this;
  }
  proto::Node& node(const std::string& step) {
    proto::Stage* stage = plan.mutable_stages(plan.stages_size() - 1);
    proto::Node* made = plan.add_nodes();
    made->set_id(static_cast<uint32_t>(plan.nodes_size()));
    made->set_step(step);
    made->set_stage(stage->id());
    stage->add_nodes(made->id());
    return *made;
  }
  uint32_t source(const std::string& step) {
    proto::Node& made = node(step);
    made.mutable_source();
    return made.id();
  }
  uint32_t filter(const std::string& step, uint32_t from, proto::Edge::Exchange exchange = proto::Edge::FORWARD) {
    proto::Node& made = node(step);
    made.mutable_filter();
    link(made, from, exchange);
    return made.id();
  }
  uint32_t sink(const std::string& step, uint32_t from, proto::Edge::Exchange exchange = proto::Edge::FORWARD) {
    proto::Node& made = node(step);
    made.mutable_sink();
    if (from != 0) link(made, from, exchange);
    return made.id();
  }
  static void link(proto::Node& to, uint32_t from, proto::Edge::Exchange exchange) {
    proto::Edge* edge = to.add_inputs();
    edge->set_from(from);
    edge->set_exchange(exchange);
  }
};

TEST(deployment, one_stage_is_direct_calls) {
  plan_writer plan;
  plan.stage(1, 1);
  plan.sink("out", plan.filter("some", plan.source("in")));
  const auto made = expand_plan(plan.plan);
  ASSERT_TRUE(made);
  ASSERT_EQ(made->tasks.size(), 1u);
  EXPECT_TRUE(made->channels.empty());
  EXPECT_EQ(made->tasks[0].calls.size(), 2u);
  EXPECT_TRUE(made->tasks[0].has_source);
  EXPECT_TRUE(made->tasks[0].has_sink);
}

TEST(deployment, a_hash_exchange_has_a_channel_for_each_pair) {
  plan_writer plan;
  plan.stage(1, 2);
  const uint32_t source = plan.source("in");
  plan.stage(2, 3);
  plan.sink("out", plan.filter("some", source, proto::Edge::HASH));
  const auto made = expand_plan(plan.plan);
  ASSERT_TRUE(made);
  ASSERT_EQ(made->tasks.size(), 5u);
  EXPECT_EQ(made->channels.size(), 6u);
  for (uint32_t t = 2; t < 5; ++t) {
    ASSERT_EQ(made->tasks[t].inputs.size(), 2u);
    std::set<uint32_t> senders;
    for (const planned_input& each : made->tasks[t].inputs) {
      EXPECT_EQ(made->channels[each.channel].to_task, t);
      EXPECT_EQ(each.index, senders.size());
      senders.insert(made->channels[each.channel].from_task);
    }
    EXPECT_EQ(senders, (std::set<uint32_t>{0, 1}));
  }
  ASSERT_EQ(made->tasks[0].outputs.size(), 1u);
  EXPECT_EQ(made->tasks[0].outputs[0].channels.size(), 3u);
}

TEST(deployment, forward_between_stages_joins_equal_subtasks) {
  plan_writer plan;
  plan.stage(1, 2);
  const uint32_t source = plan.source("in");
  plan.stage(2, 2);
  plan.sink("out", source);
  const auto made = expand_plan(plan.plan);
  ASSERT_TRUE(made);
  ASSERT_EQ(made->channels.size(), 2u);
  EXPECT_EQ(made->channels[1].from_task, 1u);
  EXPECT_EQ(made->channels[1].to_task, 3u);
}

TEST(deployment, the_dead_letter_of_one_stage_is_a_direct_call) {
  plan_writer plan;
  plan.stage(1, 2);
  plan.sink("out", plan.source("in"));
  plan.plan.mutable_errors()->set_dead_letter_node(plan.sink("rejected", 0));
  const auto made = expand_plan(plan.plan);
  ASSERT_TRUE(made);
  ASSERT_EQ(made->tasks.size(), 2u);
  EXPECT_EQ(made->tasks[1].local_dead_letter, 3u);
  EXPECT_TRUE(made->channels.empty());
}

TEST(deployment, the_dead_letter_of_several_stages_gets_its_own) {
  plan_writer plan;
  plan.stage(1, 2);
  const uint32_t source = plan.source("in");
  plan.plan.mutable_errors()->set_dead_letter_node(plan.sink("rejected", 0));
  plan.stage(2, 2);
  plan.sink("out", source, proto::Edge::HASH);
  const auto made = expand_plan(plan.plan);
  ASSERT_TRUE(made);
  ASSERT_EQ(made->tasks.size(), 5u);
  EXPECT_EQ(made->tasks[4].nodes, (std::vector<uint32_t>{2}));
  EXPECT_EQ(made->tasks[4].inputs.size(), 4u) << "every other task sends to it";
  EXPECT_EQ(made->tasks[4].local_dead_letter, 0u);
  for (uint32_t t = 0; t < 4; ++t) EXPECT_EQ(made->tasks[t].outputs.back().from_node, 0u);
}

TEST(deployment, refuses_what_no_job_can_run) {
  plan_writer plan;
  plan.stage(1, 2);
  const uint32_t source = plan.source("in");
  plan.filter("some", source, proto::Edge::HASH);
  EXPECT_FALSE(expand_plan(plan.plan)) << "an exchange within a stage";
}

TEST(restored_nodes, are_found_by_step_and_role_wherever_they_ran) {
  proto::CheckpointMetadata old;
  for (uint32_t subtask = 0; subtask < 3; ++subtask) {
    proto::TaskSnapshot* task = old.add_tasks();
    task->set_stage(7);
    task->set_subtask(2 - subtask);
    proto::NodeSnapshot* node = task->add_nodes();
    node->set_step("before");
  }
  plan_writer plan;
  plan.stage(1, 2);
  const uint32_t source = plan.source("in");
  plan.stage(2, 2);
  const uint32_t id = plan.filter("after", source, proto::Edge::HASH);
  proto::Node& node = *plan.plan.mutable_nodes(static_cast<int>(id) - 1);
  EXPECT_TRUE(restored_nodes(old, node).empty());
  node.set_renamed_from("before");
  const auto found = restored_nodes(old, node);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].subtask, 0u);
  EXPECT_EQ(inherited(found, 0, 2), (std::vector<size_t>{0, 2}));
  EXPECT_EQ(inherited(found, 1, 2), (std::vector<size_t>{1}));
}

}  // namespace
}  // namespace systole::testing
