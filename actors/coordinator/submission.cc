#include "actors/coordinator/submission.h"

#include <utility>

namespace systole {
namespace {

/// What a plan cannot have in a cluster.
std::optional<std::string> unfit(const proto::PhysicalPlan& plan) {
  for (const proto::Node& node : plan.nodes())
    if (node.has_sink() && node.sink().kind() == proto::Sink::CONSOLE)
      return "sink " + node.step() +
             " writes to a console, which a cluster does not have: use another sink, or systole run";
  return std::nullopt;
}

}  // namespace

compiled_submission compile_submission(const job_submission& what, job_id id, timestamp_us now_us) {
  compiled_submission made;
  proto::JobDefinition& definition = made.definition;
  definition.set_id(id.value);
  definition.set_submitted_at_us(now_us);
  definition.set_request(what.request);
  std::vector<manifest_source> sources;
  for (const job_submission::file& each : what.files) {
    definition.add_files()->set_name(each.name);
    definition.mutable_files()->rbegin()->set_text(each.text);
    sources.push_back({each.name, each.text});
  }
  definition.set_directory(what.directory);
  for (const auto& [name, value] : what.parameters) (*definition.mutable_parameters())[name] = value;
  definition.set_parallelism(what.parallelism);
  definition.set_allow_drop_state(what.allow_drop_state);
  compile_result compiled = compile_job(definition, 0);
  if (!compiled.problems.empty()) made.outcome.problems.push_back(render_diagnostics(compiled.problems, sources));
  if (!compiled.ok()) {
    made.refused = fail(error_code::invalid_argument, "the manifest has errors");
    return made;
  }
  made.outcome.name = compiled.plan->job();
  definition.set_name(compiled.plan->job());
  if (const auto why = unfit(*compiled.plan)) {
    made.outcome.problems.push_back(*why);
    made.refused = fail(error_code::invalid_argument, *why);
  }
  made.plan = std::make_shared<const proto::PhysicalPlan>(std::move(*compiled.plan));
  return made;
}

}  // namespace systole
