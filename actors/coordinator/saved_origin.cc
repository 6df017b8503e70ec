#include "actors/coordinator/saved_origin.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "actors/attempt_world.h"
#include "actors/planned_tables.h"

namespace systole {
namespace {

/// Rows that a sink has yet to publish, or its writer's memory of what it has.
bool is_of_sink(const proto::NodeSnapshot& node, const proto::PhysicalPlan& plan) {
  if (!node.committable().empty() || node.outbox_size() > 0) return true;
  return std::any_of(plan.nodes().begin(), plan.nodes().end(),
                     [&](const proto::Node& each) { return each.has_sink() && each.step() == node.step(); });
}

void leave_sinks_out(proto::CheckpointMetadata& metadata, const proto::PhysicalPlan& plan) {
  for (proto::TaskSnapshot& task : *metadata.mutable_tasks()) {
    auto& nodes = *task.mutable_nodes();
    for (int i = nodes.size() - 1; i >= 0; --i)
      if (is_of_sink(nodes[i], plan)) nodes.DeleteSubrange(i, 1);
  }
}

/// Stores the files, and has them named as the new store does.
result<void> take_files(checkpoint_store& from, google::protobuf::RepeatedPtrField<proto::FileReference>& files,
                        checkpoint_store& into) {
  for (proto::FileReference& file : files) {
    SYSTOLE_ASSIGN(const std::string path, from.path_of(file));
    SYSTOLE_ASSIGN(file, into.put_file(path, file.bytes(), file.xxh3()));
  }
  return {};
}

}  // namespace

origin_name parse_origin(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon != std::string::npos) {
    uint64_t epoch = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + colon + 1, end, epoch);
    if (error == std::errc() && at == end && epoch > 0) return {text.substr(0, colon), epoch_id(epoch)};
  }
  return {text, {}};
}

result<std::string> find_checkpoints(const job_components& components, const std::string& directory) {
  for (const char* below : {"/checkpoints", ""}) {
    SYSTOLE_ASSIGN(const bool has_log, components.files->exists(directory + below + "/log"));
    SYSTOLE_ASSIGN(const bool has_metadata, components.files->exists(directory + below + "/metadata"));
    if (has_log && has_metadata) return directory + below;
  }
  return fail(error_code::not_found, "there are no checkpoints in " + directory +
                                         ": give a job, or a directory with checkpoints/ that the coordinator sees");
}

result<saved_origin> open_origin(const job_components& components, const std::string& place, epoch_id epoch) {
  saved_origin made;
  SYSTOLE_ASSIGN(made.store, components.open_store(*components.files, place, ""));
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, made.store->read_log());
  SYSTOLE_ASSIGN(made.history, read_history(log));
  const auto& all = made.history.completed;
  const auto found = epoch.value == 0
                         ? (all.empty() ? all.end() : std::prev(all.end()))
                         : std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.epoch == epoch; });
  if (found == all.end()) {
    std::string kept;
    for (const auto& each : all) kept += (kept.empty() ? "" : ", ") + std::to_string(each.epoch.value);
    return fail(error_code::not_found,
                (epoch.value > 0 ? "there is no checkpoint " + std::to_string(epoch.value) + " in "
                                 : "there is no complete checkpoint in ") +
                    place + (kept.empty() ? "" : "; there are: " + kept));
  }
  SYSTOLE_ASSIGN(made.metadata, made.store->read_metadata(found->metadata));
  const std::string told = "checkpoint " + std::to_string(found->epoch.value) + " of job " + made.metadata.job();
  if (made.metadata.drained() || made.metadata.is_final())
    return fail(error_code::incompatible,
                told + " was taken at the end of its input, when all windows had fired: nothing goes on from it");
  return made;
}

result<saved_state_comparison> compare_with_origin(const proto::PhysicalPlan& plan, const saved_origin& from,
                                                   const job_components& components, const cluster_storage& storage,
                                                   const std::string& scratch) {
  if (from.metadata.max_parallelism() != plan.max_parallelism())
    return fail(error_code::incompatible, "the saved state has maxParallelism " +
                                              std::to_string(from.metadata.max_parallelism()) + ", the manifest " +
                                              std::to_string(plan.max_parallelism()) +
                                              ": it is the number of key groups, which cannot change");
  SYSTOLE_ASSIGN(const deployment whole, expand_plan(plan));
  const std::string place = storage.directory() + "/scratch/" + scratch;
  SYSTOLE_TRY(components.files->create_directories(place));
  result<planned_tables> tables = planned_tables();
  {
    const crash_points none("");
    const attempt_world world(plan, whole, components, *from.store, none,
                              process_share{.directory = place, .outbox_directory = place, .in_memory = true}, nullptr);
    tables = tables_of_plan(world.context());
  }
  SYSTOLE_TRY(components.files->remove_all(place));
  if (!tables) return std::move(tables).error();
  return compare_with_saved(plan, from.metadata, *tables);
}

std::optional<failure> refuse_rewind(const proto::PhysicalPlan& plan, const saved_origin& from) {
  if (plan.job() != from.metadata.job() || from.history.highest <= from.epoch().value) return std::nullopt;
  const rewind_effects effects = effects_of_rewind(plan, epoch_id(from.history.highest), from.epoch());
  if (effects.refusals.empty()) return std::nullopt;
  std::string why;
  for (const std::string& each : effects.refusals) why += (why.empty() ? "" : "; ") + each;
  return fail(error_code::incompatible,
              "cannot go back to checkpoint " + std::to_string(from.epoch().value) + ": " + why);
}

result<void> begin_with(const saved_origin& from, const proto::PhysicalPlan& plan, term_id term,
                        checkpoint_store& into) {
  const bool goes_on = plan.job() == from.metadata.job();
  proto::CheckpointMetadata metadata = from.metadata;
  metadata.set_job(plan.job());
  metadata.set_stops(false);
  metadata.set_savepoint(false);
  if (!goes_on) {
    leave_sinks_out(metadata, plan);
    metadata.set_previous(0);
  }
  for (proto::TaskSnapshot& task : *metadata.mutable_tasks()) {
    SYSTOLE_TRY(take_files(*from.store, *task.mutable_keyed_state()->mutable_base(), into));
    SYSTOLE_TRY(take_files(*from.store, *task.mutable_keyed_state()->mutable_deltas(), into));
    // Outboxes are named by path, where their sink keeps them; a stopped job owes none.
  }
  SYSTOLE_ASSIGN(const proto::FileReference file, into.put_metadata(metadata));
  checkpoint_history begin = from.history;
  begin.completed = {{from.epoch(), file, false}};
  begin.committed = {};
  begin.finished = false;
  begin.wish = proto::LogRecord::NONE;
  begin.parallelism = begin.last_parallelism = 0;
  begin.requests.clear();
  begin.failures.clear();
  begin.last_attempt_term = std::min(begin.last_attempt_term, term);
  if (!goes_on) {
    begin.most_shards.clear();
    begin.highest = from.epoch().value;
  }
  proto::LogRecord record = folded(begin, term, 1);
  record.set_nonce(make_uuid());
  return into.append(std::move(record));
}

}  // namespace systole
