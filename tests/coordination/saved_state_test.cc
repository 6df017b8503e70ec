#include "coordination/saved_state.h"

#include <gtest/gtest.h>

namespace systole::testing {
namespace {

proto::Node& add_node(proto::PhysicalPlan& plan, const std::string& step) {
  proto::Node* made = plan.add_nodes();
  made->set_id(static_cast<uint32_t>(plan.nodes_size()));
  made->set_step(step);
  return *made;
}

/// source "events" -> deduplicate "unique" -> filter "wanted" -> sink "out"
proto::PhysicalPlan small_plan() {
  proto::PhysicalPlan plan;
  add_node(plan, "events").mutable_source();
  add_node(plan, "unique").mutable_deduplicate();
  add_node(plan, "wanted").mutable_filter();
  add_node(plan, "out").mutable_sink()->set_kind(proto::Sink::FILES);
  return plan;
}

proto::CheckpointMetadata saved_by_small_plan() {
  proto::CheckpointMetadata saved;
  for (int subtask = 0; subtask < 2; ++subtask) {
    proto::TaskSnapshot* task = saved.add_tasks();
    proto::NodeSnapshot* events = task->add_nodes();
    events->set_step("events");
    events->set_source_positions("17");
    proto::NodeSnapshot* unique = task->add_nodes();
    unique->set_step("unique");
    unique->add_tables()->set_name("seen");
    task->add_nodes()->set_step("wanted");
    proto::NodeSnapshot* out = task->add_nodes();
    out->set_step("out");
    out->set_committable("part 1");
  }
  return saved;
}

using names = std::vector<std::string>;

TEST(saved_state_test, an_unchanged_plan_keeps_all) {
  const saved_state_comparison compared = compare_with_saved(small_plan(), saved_by_small_plan(), {});
  EXPECT_FALSE(compared.changed());
  EXPECT_EQ(compared.kept, (names{"events", "unique", "wanted", "out"}));
}

TEST(saved_state_test, tells_kept_new_and_dropped_steps) {
  proto::PhysicalPlan plan = small_plan();
  plan.mutable_nodes(1)->set_step("distinct");
  add_node(plan, "counted").mutable_aggregate();
  const saved_state_comparison compared = compare_with_saved(plan, saved_by_small_plan(), {});
  EXPECT_TRUE(compared.changed());
  EXPECT_EQ(compared.summary(), "kept: events, wanted, out; new: distinct, counted; dropped: unique (1 state table)");
}

proto::TableDescriptor table_of(const std::string& name, const std::string& layout, const std::string& fingerprint) {
  proto::TableDescriptor made;
  made.set_name(name);
  made.set_layout_version(1);
  made.set_layout(layout);
  made.set_fingerprint(fingerprint);
  return made;
}

TEST(saved_state_test, tells_every_incompatible_step_beside_the_others) {
  proto::PhysicalPlan plan = small_plan();
  for (const char* step : {"counted", "joined", "same"}) add_node(plan, step).mutable_aggregate();
  plan.mutable_nodes(1)->set_step("distinct");
  plan.mutable_nodes(4)->set_renamed_from("totals");
  proto::CheckpointMetadata saved = saved_by_small_plan();
  for (proto::TaskSnapshot& task : *saved.mutable_tasks())
    for (const char* step : {"totals", "joined", "same"}) {
      proto::NodeSnapshot* node = task.add_nodes();
      node->set_step(step);
      *node->add_tables() = table_of("accumulators", "text -> bigint", "count(*)");
      *node->add_tables() = table_of("texts", "text -> text", "max(name)");
    }
  const planned_tables now = {
      {"distinct", {table_of("seen", "text", "key")}},
      {"counted",
       {table_of("accumulators", "text -> numeric", "sum(cost)"), table_of("texts", "text -> text", "min(name)")}},
      {"joined", {table_of("left", "text -> row", "id = id")}},
      {"same", {table_of("accumulators", "text -> bigint", "count(*)"), table_of("more", "text -> text", "x")}}};
  const saved_state_comparison compared = compare_with_saved(plan, saved, now);
  EXPECT_TRUE(compared.changed());
  EXPECT_EQ(
      compared.summary(),
      "kept: events, wanted, out, same; new: distinct; dropped: unique (1 state table); incompatible: "
      "counted (table accumulators was version 1, text -> bigint, count(*), is version 1, text -> numeric, sum(cost); "
      "table texts was version 1, text -> text, max(name), is version 1, text -> text, min(name)), "
      "joined (it was another kind of step)");
}

TEST(saved_state_test, a_renamed_step_is_kept) {
  proto::PhysicalPlan plan = small_plan();
  plan.mutable_nodes(1)->set_step("distinct");
  plan.mutable_nodes(1)->set_renamed_from("unique");
  const saved_state_comparison compared = compare_with_saved(plan, saved_by_small_plan(), {});
  EXPECT_FALSE(compared.changed());
  EXPECT_EQ(compared.kept, (names{"events", "distinct", "wanted", "out"}));
}

TEST(saved_state_test, a_step_that_has_become_stateless_drops_its_tables) {
  proto::PhysicalPlan plan = small_plan();
  plan.mutable_nodes(1)->mutable_filter();
  const saved_state_comparison compared = compare_with_saved(plan, saved_by_small_plan(), {});
  ASSERT_EQ(compared.dropped.size(), 1u);
  EXPECT_EQ(compared.dropped[0].step, "unique");
}

TEST(saved_state_test, a_stateless_step_may_go_and_a_source_or_sink_may_not) {
  proto::PhysicalPlan plan;
  add_node(plan, "unique").mutable_deduplicate();
  const saved_state_comparison compared = compare_with_saved(plan, saved_by_small_plan(), {});
  EXPECT_EQ(compared.summary(), "kept: unique; dropped: events (how far it was read), out (rows to publish)");
}

TEST(saved_state_test, a_rewind_tells_what_it_does_to_each_sink) {
  proto::PhysicalPlan plan = small_plan();
  proto::Sink* upserted = add_node(plan, "upserted").mutable_sink();
  upserted->set_kind(proto::Sink::SQLITE);
  upserted->set_table("units");
  upserted->add_key("unit");
  add_node(plan, "table").mutable_sink()->set_kind(proto::Sink::TABLE_FILE);
  const rewind_effects back = effects_of_rewind(plan, epoch_id(7), epoch_id(5));
  EXPECT_EQ(back.refusals, names());
  ASSERT_EQ(back.effects.size(), 3u);
  EXPECT_NE(back.effects[0].find("sink out: "), std::string::npos);
  EXPECT_NE(back.effects[0].find("moved aside"), std::string::npos);
  EXPECT_NE(back.effects[1].find("table units converges"), std::string::npos);
  EXPECT_EQ(effects_of_rewind(plan, epoch_id(7), epoch_id(7)).effects, names());
  EXPECT_EQ(effects_of_rewind(plan, epoch_id(7), epoch_id(0)).refusals.size(), 2u);
}

TEST(saved_state_test, a_rewind_is_refused_where_a_table_is_appended_to) {
  proto::PhysicalPlan plan = small_plan();
  proto::Sink* appended = add_node(plan, "appended").mutable_sink();
  appended->set_kind(proto::Sink::SQLITE);
  appended->set_table("stays");
  const rewind_effects back = effects_of_rewind(plan, epoch_id(7), epoch_id(5));
  ASSERT_EQ(back.refusals.size(), 1u);
  EXPECT_NE(back.refusals[0].find("appended"), std::string::npos);
  EXPECT_NE(back.refusals[0].find("stays"), std::string::npos);
}

}  // namespace
}  // namespace systole::testing
