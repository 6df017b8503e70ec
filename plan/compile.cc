#include "plan/compile.h"

#include <cstdlib>

#include "plan/diagnostic_codes.h"
#include "plan/expression_binder.h"
#include "plan/job_planner.h"
#include "plan/manifest_check.h"
#include "plan/manifest_table.h"
#include "plan/optimizer.h"
#include "plan/physical_planner.h"
#include "plan/plan_connection.h"
#include "plan/plan_kafka_sink.h"

namespace systole {
namespace {

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

/// The documents that compile() reads.
struct sorted_documents {
  yaml_node* job = nullptr;
  std::vector<yaml_node*> connections;
};

/// Sorts the documents by their kind.
sorted_documents sort_documents(std::vector<yaml_node>& documents, diagnostics& problems) {
  sorted_documents sorted;
  yaml_node*& job = sorted.job;
  for (yaml_node& document : documents) {
    if (document.what == yaml_node::kind::null) continue;  // an empty document
    if (!document.is_map()) {
      problems.error(codes::unknown_document, document.at, "a document is a mapping, not " + std::string(kind_name(document)));
      continue;
    }
    const yaml_node* kind = document.find("kind");
    if (!kind || !kind->is_scalar()) {
      problems.error(codes::unknown_document, document.at, "a document needs `kind`", "Job, Connection or JobTest");
    } else if (kind->text == "Connection") {
      sorted.connections.push_back(&document);
    } else if (kind->text == "Job") {
      if (job)
        problems.error(codes::several_jobs, kind->at, "there is more than one Job", "give them to separate runs");
      else
        job = &document;
    } else if (kind->text != "JobTest") {
      problems.error(codes::unknown_document, kind->at, "unknown kind `" + kind->text + "`", "Job, Connection or JobTest",
                     nearest_names(kind->text, {"Job", "Connection", "JobTest"}));
    }
  }
  return sorted;
}

/// The checked `spec.parameters`, without substitution.
const yaml_node* check_parameters(yaml_node& job, diagnostics& problems) {
  yaml_node* spec = job.find("spec");
  yaml_node* parameters = spec && spec->is_map() ? spec->find("parameters") : nullptr;
  if (!parameters) return nullptr;
  const object_descriptor& descriptor = *manifest_table::job_document().find("spec")->shape.object;
  check_shape(*parameters, descriptor.find("parameters")->shape, "`parameters`", nullptr, problems);
  return parameters->is_map() ? parameters : nullptr;
}

void fill_settings(const object_view& document, const object_view& spec, const job_parameters& parameters,
                   const compile_options& options, diagnostics& problems, proto::PhysicalPlan& plan) {
  plan.set_job(document.object("metadata").text("name"));
  plan.set_max_parallelism(static_cast<uint32_t>(spec.integer("maxParallelism")));
  const auto parallelism = options.parallelism.value_or(static_cast<uint32_t>(spec.integer("parallelism")));
  if (parallelism == 0 || parallelism > plan.max_parallelism())
    problems.error(codes::out_of_range, options.parallelism ? source_position{} : spec.at("parallelism"),
                   "the parallelism (" + std::to_string(parallelism) + ") must be from 1 to maxParallelism (" +
                       std::to_string(plan.max_parallelism()) + ")");
  object_view checkpoint = spec.object("checkpoint");
  plan.mutable_checkpoint()->set_exactly_once(checkpoint.text("mode") == "exactlyOnce");
  plan.mutable_checkpoint()->set_interval_us(checkpoint.duration_us("interval"));
  plan.mutable_checkpoint()->set_timeout_us(checkpoint.duration_us("timeout"));
  plan.mutable_checkpoint()->set_retained(static_cast<uint32_t>(checkpoint.integer("retained")));
  for (std::string_view key : {"interval", "timeout"})
    if (checkpoint.duration_us(key) <= 0)
      problems.error(codes::out_of_range, checkpoint.at(key), "`" + std::string(key) + "` is longer than 0s");
  object_view restart = spec.object("restart");
  plan.mutable_restart()->set_strategy(restart.text("strategy"));
  plan.mutable_restart()->set_initial_delay_us(restart.duration_us("initialDelay"));
  plan.mutable_restart()->set_max_delay_us(restart.duration_us("maxDelay"));
  object_view errors = spec.object("errorHandling");
  plan.mutable_errors()->set_max_reject_ratio(errors.number("maxRejectRatio"));
  plan.mutable_errors()->set_over_us(errors.duration_us("over"));
  for (const job_parameters::parameter& parameter : parameters.all()) {
    proto::Parameter* made = plan.add_parameters();
    made->set_name(parameter.name);
    *made->mutable_type() = type_message(parameter.type);
    made->set_is_null(!parameter.sql);
    if (parameter.sql) made->set_value(*parameter.sql);
  }
}

}  // namespace

compile_result compile(const std::vector<manifest_source>& files, const compile_options& options) {
  compile_result made;
  diagnostics problems;
  std::vector<yaml_node> documents;
  for (uint32_t file = 0; file < files.size(); ++file)
    for (yaml_node& document : parse_yaml(files[file], file, problems)) documents.push_back(std::move(document));
  const sorted_documents sorted = sort_documents(documents, problems);
  yaml_node* const job = sorted.job;
  if (!job) {
    for (yaml_node* each : sorted.connections)
      check_object(*each, manifest_table::connection_document(), nullptr, problems);
    if (!problems.has_errors())
      problems.error(codes::no_job, files.empty() ? source_position{} : source_position{0, 0}, "there is no Job document",
                     "a job starts with: apiVersion: systole/v1, kind: Job");
    made.problems = problems.sorted();
    return made;
  }
  job_parameters parameters;
  parameters.load(check_parameters(*job, problems), options.parameters,
                  options.environment ? options.environment : process_environment, problems);
  check_object(*job, manifest_table::job_document(), &parameters, problems);
  for (yaml_node* each : sorted.connections)
    check_object(*each, manifest_table::connection_document(), &parameters, problems);
  object_view document(job, manifest_table::job_document());
  // The spec is looked at even when parts of it are wrong: what is wrong is marked where it is.
  const yaml_node* spec_node = job->find("spec");
  if (spec_node && spec_node->is_map()) {
    object_view spec(spec_node, *manifest_table::job_document().find("spec")->shape.object);
    plan_context context{files, problems, parameters, options.base_directory, {}, {}};
    for (const yaml_node* each : sorted.connections) read_connection(context, *each);
    logical_plan logical = plan_job(context, spec);
    proto::PhysicalPlan plan;
    fill_settings(document, spec, parameters, options, problems, plan);
    if (!problems.has_errors()) {
      warn_of_clock(logical, problems);
      const auto parallelism = options.parallelism.value_or(static_cast<uint32_t>(spec.integer("parallelism")));
      prepare_plan(logical, options.optimise, parallelism > 1);
      make_physical_plan(logical, parallelism, plan, made.notes);
      set_transaction_timeouts(plan);
      made.plan = std::move(plan);
    }
  }
  made.problems = problems.sorted();
  return made;
}

}  // namespace systole
