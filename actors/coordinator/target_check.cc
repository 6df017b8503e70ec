#include "actors/coordinator/target_check.h"

#include <utility>

#include "actors/task_builder.h"

namespace systole {
namespace {

result<void> check_target(const proto::PhysicalPlan& plan, const proto::Node& node, const job_components& components,
                          const std::string& secret_directory) {
  std::vector<operator_input> inputs = inputs_of(plan, node);
  sink_input input{std::move(inputs.at(0).columns), inputs[0].changelog, std::move(inputs[0].upsert_key)};
  const parameter_map parameters;  // no sink's settings have any left
  connector_context with;
  with.job = plan.job();
  with.parameters = &parameters;
  with.time = components.time;
  with.files = components.files;
  with.secret_directory = secret_directory;
  SYSTOLE_ASSIGN(const auto factory, components.make_sink(node, input, with));
  return factory->check_target();
}

}  // namespace

target_check check_targets(const proto::PhysicalPlan& plan, const job_components& components,
                           const std::string& secret_directory) {
  target_check made;
  for (const proto::Node& node : plan.nodes()) {
    if (!node.has_sink() || node.sink().kind() != proto::Sink::POSTGRES || node.inputs_size() == 0) continue;
    const auto checked = check_target(plan, node, components, secret_directory);
    if (checked) continue;
    const bool is_away = checked.error().code == error_code::unavailable;
    made.problems.push_back("sink " + node.step() + (is_away ? " could not be checked: " : ": ") +
                            checked.error().message);
    if (is_away) break;  // the others may well be of the same server, and each try takes its time
    made.refused = true;
  }
  return made;
}

}  // namespace systole
