#include "actors/attempt_world.h"

#include <algorithm>
#include <utility>

namespace systole {
namespace {

/// A channel's budget: an eighth of the memory for all of them, within bounds.
size_t channel_credit(size_t memory_bytes, size_t channels) {
  return std::clamp<size_t>(memory_bytes / 8 / std::max<size_t>(channels, 1), 64 * limits::kibibyte,
                            limits::channel_credit_bytes);
}

}  // namespace

parameter_map parameters_of(const proto::PhysicalPlan& plan) {
  parameter_map made;
  for (const proto::Parameter& each : plan.parameters()) {
    parameter_value value{from_proto(each.type()), std::nullopt};
    if (!each.is_null()) value.text = each.value();
    made[each.name()] = std::move(value);
  }
  return made;
}

attempt_world::attempt_world(const proto::PhysicalPlan& plan, const deployment& whole, const job_components& components,
                             checkpoint_store& store, const crash_points& crash, process_share share,
                             std::shared_ptr<const proto::CheckpointMetadata> restored)
    : plan_(plan), whole_(whole), components_(components), share_(std::move(share)), restored_(std::move(restored)) {
  parameters_ = parameters_of(plan_);
  const size_t memory = share_.memory_bytes;
  const size_t credit = channel_credit(memory, whole_.channels.size());
  const size_t on_the_way = whole_.channels.size() * credit;
  context_.hosted = share_.hosted;
  context_.make_probe = share_.make_probe;
  const auto sinks = static_cast<size_t>(std::count_if(
      whole_.tasks.begin(), whole_.tasks.end(), [&](const auto& each) { return each.has_sink && is_hosted(context_, each); }));
  context_.plan = &plan_;
  context_.whole = &whole_;
  context_.restored = restored_.get();
  context_.components = &components_;
  context_.parameters = &parameters_;
  context_.store = &store;
  context_.crash = &crash;
  context_.work_directory = share_.directory + "/work";
  context_.in_memory = share_.in_memory;
  context_.memory_bytes = memory - std::min(on_the_way, memory / 4) - memory / 8;
  context_.batch_rows = share_.batch_rows;
  context_.channel_credit_bytes = credit;
  context_.outbox = {.disk_bytes = share_.outbox_bytes,
                     .memory_bytes = memory / 8 / std::max<size_t>(sinks, 1),
                     .on_the_way = on_the_way};
}

result<void> attempt_world::open_connectors(connector_claim claim) {
  if (!components_.guards.attempt_check) claim.still_current = [] { return true; };
  connector_context with{.job = plan_.job(),
                         .outbox_directory = share_.outbox_directory,
                         .outbox_bytes = share_.outbox_bytes,
                         .parameters = &parameters_,
                         .time = components_.time,
                         .files = components_.files,
                         .batch_rows = share_.batch_rows,
                         .console_is_terminal = share_.console_is_terminal,
                         .secret_directory = share_.secret_directory,
                         .attempt = claim.attempt,
                         .still_current = std::move(claim.still_current),
                         .term = claim.term,
                         .commit_wait = std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::microseconds(plan_.checkpoint().timeout_us())),
                         .gauges = components_.gauges.get(),
                         .guards = components_.guards};
  for (const proto::Node& node : plan_.nodes()) {
    if (node.has_source() && !claim.sinks_only) {
      with.alignment = nullptr;
      if (node.source().watermark().max_drift_us() > 0)
        with.alignment = alignments_[node.step()] = std::make_shared<split_alignment>();
      SYSTOLE_ASSIGN(context_.sources[node.id()], components_.make_source(node, with));
    } else if (node.has_sink()) {
      SYSTOLE_ASSIGN(context_.sinks[node.id()], components_.make_sink(node, input_of_sink(node), with));
    }
  }
  return {};
}

result<std::vector<job_sink>> attempt_world::make_committers(const std::map<std::string, uint32_t>& most_shards) {
  std::vector<job_sink> made;
  for (const proto::Node& node : plan_.nodes()) {
    if (!node.has_sink()) continue;
    sink_factory& factory = *context_.sinks.at(node.id());
    SYSTOLE_ASSIGN(auto committer, factory.make_committer(most_shards.at(node.step())));
    made.push_back({node.id(), node.step(), std::move(committer), factory.shards_commit()});
  }
  return made;
}

void attempt_world::on_committed(epoch_id epoch) {
  for (const auto& [node, sink] : context_.sinks) sink->on_committed(epoch);
}

uint32_t attempt_world::shards_of(uint32_t node) const {
  return static_cast<uint32_t>(std::count_if(whole_.tasks.begin(), whole_.tasks.end(),
                                             [node](const planned_task& task) { return task.runs(node); }));
}

sink_input attempt_world::input_of_sink(const proto::Node& node) const {
  if (node.inputs_size() == 0) return {components_.dead_letter_columns, false, {}};
  std::vector<operator_input> inputs = inputs_of(plan_, node);
  return {std::move(inputs[0].columns), inputs[0].changelog, std::move(inputs[0].upsert_key)};
}

bool may_block(const proto::PhysicalPlan& plan, const planned_task& planned) {
  return planned.has_source || planned.has_sink ||
         std::any_of(planned.nodes.begin(), planned.nodes.end(),
                     [&](uint32_t id) { return is_stateful(*find_node(plan, id)); });
}

}  // namespace systole
