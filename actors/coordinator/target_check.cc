#include "actors/coordinator/target_check.h"

#include <utility>

#include "actors/attempt_world.h"
#include "actors/task_builder.h"

namespace systole {
namespace {

result<void> check_sink(const proto::PhysicalPlan& plan, const proto::Node& node, const job_components& components,
                        const connector_context& with) {
  std::vector<operator_input> inputs = inputs_of(plan, node);
  sink_input input{std::move(inputs.at(0).columns), inputs[0].changelog, std::move(inputs[0].upsert_key)};
  SYSTOLE_ASSIGN(const auto factory, components.make_sink(node, input, with));
  return factory->check_target();
}

result<void> check_source(const proto::Node& node, const job_components& components, const connector_context& with) {
  SYSTOLE_ASSIGN(const auto factory, components.make_source(node, with));
  return factory->check_origin();
}

bool is_table(const proto::Node& node) {
  if (node.has_source()) return node.source().kind() == proto::Source::POSTGRES;
  return node.has_sink() && node.sink().kind() == proto::Sink::POSTGRES && node.inputs_size() > 0;
}

}  // namespace

target_check check_targets(const proto::PhysicalPlan& plan, const job_components& components,
                           const std::string& secret_directory) {
  target_check made;
  const parameter_map parameters = parameters_of(plan);
  connector_context with;
  with.job = plan.job();
  with.parameters = &parameters;
  with.time = components.time;
  with.files = components.files;
  with.secret_directory = secret_directory;
  for (const proto::Node& node : plan.nodes()) {
    if (!is_table(node)) continue;
    const auto checked =
        node.has_source() ? check_source(node, components, with) : check_sink(plan, node, components, with);
    if (checked) continue;
    const bool is_away = checked.error().code == error_code::unavailable;
    made.problems.push_back((node.has_source() ? "table " : "sink ") + node.step() +
                            (is_away ? " could not be checked: " : ": ") + checked.error().message);
    if (is_away) break;  // the others may well be of the same server, and each try takes its time
    made.refused = true;
  }
  return made;
}

}  // namespace systole
