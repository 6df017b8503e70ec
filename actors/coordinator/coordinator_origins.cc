// Jobs that begin with saved state, and manifests beside it: coordinator_shell's part of submit, and compare.
#include <utility>

#include "actors/coordinator/coordinator_shell.h"
#include "actors/coordinator/saved_origin.h"
#include "actors/coordinator/submission.h"

namespace systole {
namespace {

/// "goes on from checkpoint 41 of job beds: kept: a, b; new: c"
std::string told(const saved_origin& from, const saved_state_comparison& compared) {
  return "goes on from checkpoint " + std::to_string(from.metadata.epoch()) + " of job " + from.metadata.job() + ": " +
         compared.summary();
}

}  // namespace

result<coordinator_shell::saved_place> coordinator_shell::find_saved(const std::string& from) const {
  const origin_name origin = parse_origin(from);
  saved_place made;
  made.epoch = origin.epoch;
  if (origin.is_path()) {
    made.directory = origin.where;
    return made;
  }
  job_id id;
  const entry* const it = find(origin.where, &id);
  if (!it) return unknown_job(origin.where);
  made.job = id;
  made.directory = core_->storage.checkpoints_of(id);
  const auto at = control_->jobs().find(id);
  if (at == control_->jobs().end()) return made;  // it could not be opened; its checkpoints may be whole
  const job_control& job = at->second;
  const bool over = job.current() == job_control::state::stopped || job.current() == job_control::state::finished ||
                    job.current() == job_control::state::failed || job.current() == job_control::state::cancelled;
  if (made.epoch.value == 0 && over) made.epoch = job.last_completed();
  if (made.epoch.value == 0)
    for (const checkpoint_summary& each : it->checkpoints)
      if (each.savepoint) made.epoch = each.epoch;
  if (made.epoch.value == 0)
    return fail(error_code::not_found,
                "job " + it->name +
                    (over ? " has no checkpoint" : " runs and has no savepoint: systole savepoint create makes one"));
  if (made.epoch > job.last_committed() && made.epoch == job.last_completed())
    return fail(error_code::incompatible,
                "what checkpoint " + std::to_string(made.epoch.value) + " of job " + it->name +
                    " gave to its sinks is not published: resume the job and stop it, or take an older one");
  return made;
}

void coordinator_shell::accept_from(submission what) {
  const auto place = find_saved(what.from);
  if (!place) return what.then(place.error());
  submitting_.insert(what.definition.name());
  auto shared = std::make_shared<submission>(std::move(what));
  const auto begin = [core = core_, shared, place = *place, term = control_->term()]() -> result<void> {
    const proto::PhysicalPlan& plan = *shared->plan;
    const job_id id(shared->definition.id());
    std::string store_directory = place.directory;
    if (!place.job) {
      SYSTOLE_ASSIGN(store_directory, find_checkpoints(core->components, place.directory));
    }
    SYSTOLE_ASSIGN(const saved_origin from, open_origin(core->components, store_directory, place.epoch));
    SYSTOLE_ASSIGN(const saved_state_comparison compared,
                   compare_with_origin(plan, from, core->components, core->storage, job_id_text(id)));
    if (auto refused = refusal_of(compared, shared->definition.allow_drop_state())) return std::move(*refused);
    if (auto refused = refuse_rewind(plan, from)) return std::move(*refused);
    shared->outcome.changes = told(from, compared);
    if (shared->dry_run) return {};
    SYSTOLE_TRY(core->components.files->create_directories(core->storage.folder(id)));
    SYSTOLE_ASSIGN(const auto store, core->storage.open_checkpoints(id, plan.job()));
    return begin_with(from, plan, term, *store);
  };
  at_saved<result<void>>(*place, begin, [shared](coordinator_shell& shell, result<void> begun) {
    if (begun && !shared->dry_run && shell.control_) return shell.add(std::move(*shared));
    shell.submitting_.erase(shared->definition.name());
    if (!begun) return shared->then(std::move(begun).error());
    if (!shell.control_) return shared->then(shell.not_leading());
    shared->then(std::move(shared->outcome));
  });
}

void coordinator_shell::compare(const std::string& which, job_submission what, answer<job_difference> then) {
  if (!control_) return then(not_leading());
  job_id id;
  const entry* const it = find(which, &id);
  if (!it) return then(unknown_job(which));
  saved_place place{id, core_->storage.checkpoints_of(id),
                    it->checkpoints.empty() ? epoch_id() : it->checkpoints.back().epoch};
  auto shared = std::make_shared<job_submission>(std::move(what));
  const auto look = [core = core_, shared, place, before = it->plan, name = it->name,
                     scratch = job_id_text(job_id(random_incarnation().high))]() -> result<job_difference> {
    compiled_submission compiled = compile_submission(*shared, *place.job, core->components.time->now_us());
    job_difference made;
    made.problems = std::move(compiled.outcome.problems);
    made.refused = compiled.refused.has_value();
    if (made.refused) return made;
    if (compiled.plan->job() != name)
      return fail(error_code::invalid_argument,
                  "the manifest is of job " + compiled.plan->job() + ", not of " + name + ": give it the job's name");
    if (before) made.steps = compare_plans(*before, *compiled.plan);
    if (place.epoch.value == 0) return made;
    made.epoch = place.epoch;
    SYSTOLE_ASSIGN(const saved_origin from, open_origin(core->components, place.directory, place.epoch));
    auto compared = compare_with_origin(*compiled.plan, from, core->components, core->storage, scratch);
    if (!compared && compared.error().code != error_code::incompatible) return std::move(compared).error();
    if (!compared) {
      made.refusal = compared.error().message;
      return made;
    }
    made.state = std::move(*compared);
    if (const auto refused = refusal_of(made.state, shared->allow_drop_state)) made.refusal = refused->message;
    return made;
  };
  at_saved<result<job_difference>>(
      place, look,
      [then = std::move(then)](coordinator_shell&, result<job_difference> made) { then(std::move(made)); });
}

}  // namespace systole
