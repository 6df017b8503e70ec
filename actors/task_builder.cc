#include "actors/task_builder.h"

#include <algorithm>
#include <utility>

#include "actors/restored_states.h"
#include "base/limits.h"
#include "coordination/restored_nodes.h"
#include "operators/chain_snapshot.h"

namespace systole {
namespace {

/// A sink's writer as the end of a chain.
class sink_exit final : public chain_exit {
 public:
  sink_exit(std::shared_ptr<sink_writer> writer, std::shared_ptr<sink_meter> meter, const timestamp_us* read_us)
      : writer_(std::move(writer)), meter_(std::move(meter)), read_us_(read_us) {}
  result<void> write(batch rows) override {
    auto written = writer_->write(rows);
    if (written) meter_->on_written(rows.rows(), *read_us_);
    else meter_->on_error();
    return written;
  }

 private:
  std::shared_ptr<sink_writer> writer_;
  std::shared_ptr<sink_meter> meter_;
  const timestamp_us* read_us_;
};

/// True where rows are to be seen as soon as they are written; else with their epoch's commit.
bool visible_at_once(const proto::Sink& sink) {
  switch (sink.kind()) {
    case proto::Sink::CONSOLE:
    case proto::Sink::BLACKHOLE:
    case proto::Sink::COLLECT: return true;
    default: return sink.at_least_once();
  }
}

/// Builds one task; the order of its steps matters, see build().
class builder {
 public:
  builder(const build_context& context, const planned_task& planned, std::shared_ptr<task_counters> counters)
      : context_(context), plan_(*context.plan), planned_(planned) {
    made_.planned = &planned;
    made_.whole = context.whole;
    made_.time = context.components->time;
    made_.crash = context.crash;
    made_.guards = context.components->guards;
    made_.counters = std::move(counters);
    made_.read_us = std::make_unique<timestamp_us>(0);
    made_.channel_credit_bytes = context.channel_credit_bytes;
    made_.least_grant_bytes = limits::channel_credit_grant_bytes;
    made_.outbox = context.outbox;
  }

  result<std::unique_ptr<task>> build() {
    SYSTOLE_TRY(open_state());
    make_dead_letter();
    made_.chain = std::make_unique<operator_chain>(made_.rejects.get());
    for (const uint32_t id : planned_.nodes) SYSTOLE_TRY(add_node(*find_node(plan_, id)));
    for (const planned_task::call& each : planned_.calls)
      made_.chain->connect(index_of(each.from), {index_of(each.to), each.input});
    for (const planned_output& each : planned_.outputs) SYSTOLE_TRY(add_output(each));
    SYSTOLE_TRY(made_.chain->open());
    for (const uint32_t id : planned_.nodes) SYSTOLE_TRY(restore(*find_node(plan_, id)));
    return std::make_unique<task>(std::move(made_));
  }

 private:
  size_t index_of(uint32_t id) const {
    return static_cast<size_t>(std::find(planned_.nodes.begin(), planned_.nodes.end(), id) - planned_.nodes.begin());
  }

  result<void> open_state() {
    const auto stateful_tasks = [&] {
      return static_cast<size_t>(std::count_if(context_.whole->tasks.begin(), context_.whole->tasks.end(),
                                               [&](const planned_task& each) { return is_hosted(context_, each) && has_state(each); }));
    };
    if (!has_state(planned_)) return {};
    task_state_options options{
        .directory = context_.work_directory + "/task-" + std::to_string(planned_.index),
        .memory_bytes = context_.memory_bytes / std::max<size_t>(stateful_tasks(), 1),
        .in_memory = context_.in_memory,
        .groups = key_groups_of_subtask(planned_.subtask, planned_.parallelism, plan_.max_parallelism()),
        .max_parallelism = plan_.max_parallelism(),
        .files = context_.components->files,
        .store = context_.store};
    std::vector<restored_state> restored;
    if (context_.restored) restored = restored_states(*context_.restored, plan_, planned_);
    SYSTOLE_ASSIGN(made_.state, context_.components->open_state(options, restored));
    return {};
  }

  bool has_state(const planned_task& of) const {
    return std::any_of(of.nodes.begin(), of.nodes.end(),
                       [&](uint32_t id) { return is_stateful(*find_node(plan_, id)); });
  }

  void make_dead_letter() {
    const bool wired =
        planned_.local_dead_letter != 0 || std::any_of(planned_.outputs.begin(), planned_.outputs.end(),
                                                       [](const planned_output& each) { return each.from_node == 0; });
    if (!wired) return;
    std::vector<std::string> steps, sources;
    for (const uint32_t id : planned_.nodes) steps.push_back(find_node(plan_, id)->step());
    for (const proto::Node& node : plan_.nodes()) {
      if (!node.has_source()) continue;
      if (sources.size() <= node.source().number()) sources.resize(node.source().number() + 1);
      sources[node.source().number()] = node.step();
    }
    made_.rejects = std::make_unique<dead_letter>(plan_.job(), std::move(steps), std::move(sources),
                                                  context_.components->dead_letter_columns);
    if (planned_.local_dead_letter != 0) made_.reject_node = index_of(planned_.local_dead_letter);
  }

  result<void> add_node(const proto::Node& node) {
    proto::NodeSnapshot identity;
    identity.set_node(node.id());
    identity.set_step(node.step());
    identity.set_role(node.role());
    made_.identities.push_back(std::move(identity));

    operator_chain::node_parts parts;
    parts.input_channels.assign(std::max(node.inputs_size(), 1), 1);
    std::vector<uint32_t> channels(parts.input_channels.size(), 0);
    for (const planned_input& each : planned_.inputs)
      if (each.node == node.id()) ++channels[each.input];
    for (size_t i = 0; i < channels.size(); ++i)
      if (channels[i] > 0) parts.input_channels[i] = channels[i];
    parts.probe = probe_of(node);

    if (node.has_source()) {
      parts.is_source = true;
      const size_t index = made_.chain->add_node(std::move(parts));
      std::vector<std::string> positions;
      if (context_.restored)
        for (const restored_node& old : restored_nodes(*context_.restored, node))
          positions.push_back(old.node->source_positions());
      SYSTOLE_ASSIGN(auto reader,
                     context_.sources.at(node.id())->make_reader(planned_.subtask, planned_.parallelism, positions));
      made_.sources.push_back({index, std::move(reader), !node.source().watermark().column().empty(),
                               serves_others(node.source())});
      return {};
    }
    if (node.has_sink()) {
      const size_t index = made_.chain->add_node(std::move(parts));
      SYSTOLE_ASSIGN(std::shared_ptr<sink_writer> writer,
                     context_.sinks.at(node.id())->make_writer(planned_.subtask, planned_.parallelism));
      auto meter = std::make_shared<sink_meter>(made_.counters->nodes[index], *made_.time, visible_at_once(node.sink()));
      made_.exits.push_back(std::make_unique<sink_exit>(writer, meter, made_.read_us.get()));
      made_.chain->connect(index, made_.exits.back().get());
      made_.sinks.push_back({index, std::move(writer), context_.sinks.at(node.id())->shards_commit(),
                             std::move(meter)});
      return {};
    }
    made_.accounting.push_back(std::make_unique<step_accounting>());
    parts.accounting = made_.accounting.back().get();
    const operator_context with{.step = node.step(),
                                .max_parallelism = plan_.max_parallelism(),
                                .batch_rows = context_.batch_rows,
                                .state = made_.state.get(),
                                .time = context_.components->time,
                                .parameters = context_.parameters,
                                .accounting = parts.accounting};
    SYSTOLE_ASSIGN(parts.op, context_.components->make_operator(node, inputs_of(plan_, node), with));
    made_.chain->add_node(std::move(parts));
    return {};
  }

  /// Where a step has several nodes, its rows are those of the nodes that no other one of it takes them from.
  emission_probe* probe_of(const proto::Node& node) {
    if (!context_.make_probe) return nullptr;
    for (const proto::Node& other : plan_.nodes())
      for (const proto::Edge& edge : other.inputs())
        if (edge.from() == node.id() && other.step() == node.step()) return nullptr;
    schema columns = from_proto(node.output());
    if (node.has_sink())
      columns = node.inputs_size() == 0 ? context_.components->dead_letter_columns : inputs_of(plan_, node)[0].columns;
    made_.probes.push_back(context_.make_probe(node.step(), planned_.subtask, std::move(columns)));
    return made_.probes.back().get();
  }

  result<void> add_output(const planned_output& output) {
    SYSTOLE_ASSIGN(auto split, make_partitioner(output));
    auto exit = std::make_unique<exchange_output>(output.channels, std::move(split), made_.channel_credit_bytes);
    exit->stamp_with(made_.read_us.get());
    made_.outputs.push_back(exit.get());
    if (output.from_node == 0) made_.reject_output = exit.get();
    else made_.chain->connect(index_of(output.from_node), exit.get());
    made_.exits.push_back(std::move(exit));
    return {};
  }

  result<std::unique_ptr<partitioner>> make_partitioner(const planned_output& output) {
    switch (output.exchange) {
      case proto::Edge::HASH: {
        const expression_scope scope = [&] {
          expression_scope columns = scope_of(from_proto(find_node(plan_, output.from_node)->output()));
          columns.parameters = context_.parameters;
          return columns;
        }();
        std::vector<expression_ptr> keys;
        for (const proto::Expression& key : output.edge->keys()) {
          bind_result bound = bind_expression(key.sql(), scope);
          if (!bound.expression)
            return fail(error_code::internal,
                        "plan: the exchange key of step " + find_node(plan_, output.to_node)->step() +
                            " does not bind: " + (bound.errors.empty() ? "" : bound.errors[0].message));
          keys.push_back(std::move(bound.expression));
        }
        return make_hash_partitioner(std::move(keys), output.channels.size(), plan_.max_parallelism(),
                                     context_.components->time);
      }
      case proto::Edge::REBALANCE: return make_rebalancer(output.channels.size(), planned_.subtask);
      default: return make_broadcaster(output.channels.size());
    }
  }

  result<void> restore(const proto::Node& node) {
    if (!context_.restored) return {};
    const std::vector<restored_node> old = restored_nodes(*context_.restored, node);
    if (old.empty()) return {};
    const size_t index = index_of(node.id());
    const std::vector<size_t> own = inherited(old, planned_.subtask, planned_.parallelism);
    const bool same = old.size() == planned_.parallelism;
    std::vector<std::string_view> bytes;
    for (const restored_node& each : old)
      if (!same || each.subtask == planned_.subtask) bytes.push_back(each.node->operator_state());
    SYSTOLE_TRY(made_.chain->restore(index, bytes, same ? std::vector<size_t>(bytes.size() == 1 ? 1 : 0, 0) : own));
    for (const task::sink_part& sink : made_.sinks) {
      if (sink.node != index) continue;
      for (const size_t i : own) {
        SYSTOLE_ASSIGN(const chain_snapshot shard, decode_chain_snapshot(old[i].node->operator_state()));
        SYSTOLE_TRY(sink.writer->restore(shard.operator_state));
      }
    }
    return {};
  }

  const build_context& context_;
  const proto::PhysicalPlan& plan_;
  const planned_task& planned_;
  task::parts made_;
};

}  // namespace

bool is_hosted(const build_context& context, const planned_task& planned) {
  return context.hosted.empty() ||
         std::find(context.hosted.begin(), context.hosted.end(), planned.index) != context.hosted.end();
}

std::vector<operator_input> inputs_of(const proto::PhysicalPlan& plan, const proto::Node& node) {
  std::vector<operator_input> inputs;
  for (const proto::Edge& edge : node.inputs()) {
    const proto::Node* from = find_node(plan, edge.from());
    inputs.push_back(
        {from_proto(from->output()), edge.changelog(), {edge.upsert_key().begin(), edge.upsert_key().end()}});
  }
  return inputs;
}

result<std::unique_ptr<task>> build_task(const build_context& context, const planned_task& planned,
                                         std::shared_ptr<task_counters> counters) {
  return builder(context, planned, std::move(counters)).build();
}

}  // namespace systole
