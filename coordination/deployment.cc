#include "coordination/deployment.h"

#include <algorithm>
#include <map>

namespace systole {
namespace {

struct expansion {
  const proto::PhysicalPlan& plan;
  deployment made;
  std::map<uint32_t, std::vector<size_t>> tasks_of_stage;
  std::map<uint32_t, uint32_t> stage_of_node;
  std::map<std::pair<uint32_t, uint64_t>, uint32_t> channels_of_input;  ///< (task, node and input) -> count

  uint32_t add_channel(size_t from, size_t to, uint32_t node, uint32_t input) {
    const auto id = static_cast<uint32_t>(made.channels.size());
    made.channels.push_back({static_cast<uint32_t>(from), static_cast<uint32_t>(to)});
    uint32_t& count = channels_of_input[{static_cast<uint32_t>(to), uint64_t{node} << 32 | input}];
    made.tasks[to].inputs.push_back({id, node, input, count++});
    return id;
  }

  void add_exchange(size_t from, const std::vector<size_t>& to, planned_output output) {
    for (const size_t each : to) output.channels.push_back(add_channel(from, each, output.to_node, output.to_input));
    made.tasks[from].outputs.push_back(std::move(output));
  }

  void add_tasks(uint32_t stage, uint32_t parallelism, const std::vector<uint32_t>& nodes) {
    for (uint32_t subtask = 0; subtask < parallelism; ++subtask) {
      planned_task task{.index = static_cast<uint32_t>(made.tasks.size()),
                        .stage = stage,
                        .subtask = subtask,
                        .parallelism = parallelism,
                        .nodes = nodes};
      for (const uint32_t id : nodes) {
        const proto::Node* node = find_node(plan, id);
        task.has_source |= node->has_source();
        task.has_main_source |= node->has_source() && !serves_others(node->source());
        task.has_sink |= node->has_sink();
      }
      tasks_of_stage[stage].push_back(made.tasks.size());
      made.tasks.push_back(std::move(task));
    }
    for (const uint32_t id : nodes) stage_of_node[id] = stage;
  }

  result<void> connect(const proto::Node& node, uint32_t input) {
    const proto::Edge& edge = node.inputs(static_cast<int>(input));
    const auto from_stage = stage_of_node.find(edge.from());
    if (from_stage == stage_of_node.end())
      return fail(error_code::internal, "plan: step " + node.step() + " reads node " + std::to_string(edge.from()) +
                                            ", which is in no stage");
    const std::vector<size_t>& senders = tasks_of_stage[from_stage->second];
    const std::vector<size_t>& receivers = tasks_of_stage[stage_of_node[node.id()]];
    if (from_stage->second == stage_of_node[node.id()]) {
      if (edge.exchange() != proto::Edge::FORWARD && senders.size() > 1)
        return fail(error_code::internal, "plan: step " + node.step() + " has an exchange within its stage");
      for (const size_t task : senders) made.tasks[task].calls.push_back({edge.from(), node.id(), input});
      return {};
    }
    planned_output output{
        .from_node = edge.from(), .to_node = node.id(), .to_input = input, .exchange = edge.exchange(), .edge = &edge};
    if (edge.exchange() == proto::Edge::FORWARD) {
      if (senders.size() != receivers.size())
        return fail(error_code::internal, "plan: step " + node.step() + " is forwarded to another parallelism");
      for (size_t i = 0; i < senders.size(); ++i) add_exchange(senders[i], {receivers[i]}, output);
      return {};
    }
    if (edge.exchange() == proto::Edge::GATHER && receivers.size() != 1)
      return fail(error_code::internal, "plan: step " + node.step() + " gathers into several subtasks");
    for (const size_t sender : senders) add_exchange(sender, receivers, output);
    return {};
  }

  result<void> connect_dead_letter(uint32_t node) {
    const uint32_t own_stage = stage_of_node[node];
    const std::vector<size_t> receivers = tasks_of_stage[own_stage];
    const size_t tasks = made.tasks.size();
    if (receivers.size() == tasks)
      for (planned_task& task : made.tasks) task.local_dead_letter = node;
    for (size_t i = 0; i < tasks; ++i) {
      if (made.tasks[i].stage == own_stage) continue;
      add_exchange(i, receivers, {.to_node = node, .exchange = proto::Edge::REBALANCE});
    }
    return {};
  }
};

}  // namespace

bool serves_others(const proto::Source& source) {
  return source.postgres().refresh_interval_us() > 0 || !source.postgres().notify_channel().empty();
}

bool is_stateful(const proto::Node& node) {
  switch (node.operation_case()) {
    case proto::Node::kDeduplicate:
    case proto::Node::kAggregate:
    case proto::Node::kWindow:
    case proto::Node::kIntervalJoin:
    case proto::Node::kRegularJoin:
    case proto::Node::kTableJoin:
    case proto::Node::kOver: return true;
    default: return false;
  }
}

const proto::Node* find_node(const proto::PhysicalPlan& plan, uint32_t id) {
  for (const proto::Node& node : plan.nodes())
    if (node.id() == id) return &node;
  return nullptr;
}

result<deployment> expand_plan(const proto::PhysicalPlan& plan) {
  expansion work{.plan = plan, .made = {}, .tasks_of_stage = {}, .stage_of_node = {}, .channels_of_input = {}};
  const uint32_t dead_letter = plan.errors().dead_letter_node();
  const proto::Node* sink = find_node(plan, dead_letter);
  if (dead_letter != 0 && (!sink || !sink->has_sink()))
    return fail(error_code::internal, "plan: the dead letter is node " + std::to_string(dead_letter) + ", not a sink");
  if (sink && sink->inputs_size() > 0)
    return fail(error_code::internal, "plan: the dead-letter sink " + sink->step() + " has inputs of its own");

  uint32_t highest_stage = 0;
  size_t other_stages = 0;
  for (const proto::Stage& stage : plan.stages()) {
    highest_stage = std::max(highest_stage, stage.id());
    other_stages +=
        std::any_of(stage.nodes().begin(), stage.nodes().end(), [&](uint32_t id) { return id != dead_letter; });
  }
  const bool apart = dead_letter != 0 && other_stages > 1;
  for (const proto::Stage& stage : plan.stages()) {
    std::vector<uint32_t> nodes;
    for (const uint32_t id : stage.nodes()) {
      if (!find_node(plan, id)) return fail(error_code::internal, "plan: no node " + std::to_string(id));
      if (id != dead_letter || !apart) nodes.push_back(id);
    }
    if (!nodes.empty()) work.add_tasks(stage.id(), std::max(stage.parallelism(), 1u), nodes);
  }
  if (apart) {
    work.made.dead_letter_stage = highest_stage + 1;
    work.add_tasks(work.made.dead_letter_stage, 1, {dead_letter});
  }
  for (const proto::Node& node : plan.nodes()) {
    if (!work.stage_of_node.contains(node.id())) {
      if (node.id() == dead_letter && dead_letter != 0) continue;
      return fail(error_code::internal, "plan: step " + node.step() + " is in no stage");
    }
    for (int input = 0; input < node.inputs_size(); ++input)
      SYSTOLE_TRY(work.connect(node, static_cast<uint32_t>(input)));
  }
  if (dead_letter != 0) SYSTOLE_TRY(work.connect_dead_letter(dead_letter));
  return std::move(work.made);
}

}  // namespace systole
