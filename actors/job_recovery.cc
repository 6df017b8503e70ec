#include "actors/job_recovery.h"

#include <algorithm>

#include "coordination/restored_nodes.h"
#include "coordination/saved_state.h"

namespace systole {
namespace {

failure in_epoch(failure cause, uint64_t epoch) {
  cause.message = "checkpoint epoch " + std::to_string(epoch) + ": " + cause.message;
  return cause;
}

/// True where an epoch is kept and all its files are whole.
bool is_whole(checkpoint_store& store, const checkpoint_history::completed_epoch& epoch) {
  const auto metadata = store.read_metadata(epoch.metadata);
  if (!metadata) return false;
  for (const proto::TaskSnapshot& task : metadata->tasks())
    for (const auto* files : {&task.keyed_state().base(), &task.keyed_state().deltas()})
      for (const proto::FileReference& file : *files)
        if (!store.verify(file)) return false;
  return true;
}

/// The epochs before the last that can be restored, as text.
std::string older_epochs(checkpoint_store& store, const checkpoint_history& history) {
  std::string made;
  for (size_t i = 0; i + 1 < history.completed.size(); ++i)
    if (is_whole(store, history.completed[i]))
      made += (made.empty() ? "" : ", ") + std::to_string(history.completed[i].epoch.value);
  return made;
}

}  // namespace

failure explain_damage(checkpoint_store& store, const checkpoint_history& history, failure cause) {
  const auto last = history.last();
  if (!last || cause.code != error_code::corrupt) return cause;
  constexpr std::string_view hint = ": restore an older epoch with --rewind";
  if (cause.message.ends_with(hint)) cause.message.resize(cause.message.size() - hint.size());
  cause = in_epoch(std::move(cause), last->epoch.value);
  const std::string older = older_epochs(store, history);
  cause.message += older.empty() ? "; no older epoch is whole: start anew with another state directory"
                                 : "; to go back to an older epoch use --rewind with one of: " + older;
  return cause;
}

result<recovered_job> recover_job(checkpoint_store& store, const std::string& job) {
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, store.read_log());
  recovered_job made;
  SYSTOLE_ASSIGN(made.history, read_history(log));
  const auto last = made.history.last();
  if (!last) return made;
  const auto damaged = [&](failure cause) {
    if (cause.code == error_code::not_found) cause.code = error_code::corrupt;  // the log names it, so it must be there
    return explain_damage(store, made.history, std::move(cause));
  };
  auto metadata = store.read_metadata(last->metadata);
  if (!metadata) return damaged(std::move(metadata).error());
  if (metadata->job() != job)
    return fail(error_code::incompatible, "the state directory belongs to job " + metadata->job() + ", not to " + job +
                                              ": use another state directory");
  for (const proto::TaskSnapshot& task : metadata->tasks())
    for (const proto::FileReference& file : task.keyed_state().deltas())
      if (auto whole = store.verify(file); !whole) return damaged(std::move(whole).error());
  made.restored = std::make_shared<const proto::CheckpointMetadata>(std::move(*metadata));
  return made;
}

result<std::shared_ptr<const proto::CheckpointMetadata>> read_epoch(checkpoint_store& store, epoch_id epoch) {
  if (epoch.value == 0) return std::shared_ptr<const proto::CheckpointMetadata>();
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, store.read_log());
  SYSTOLE_ASSIGN(const checkpoint_history history, read_history(log));
  for (const auto& each : history.completed) {
    if (each.epoch != epoch) continue;
    SYSTOLE_ASSIGN(proto::CheckpointMetadata metadata, store.read_metadata(each.metadata));
    return std::make_shared<const proto::CheckpointMetadata>(std::move(metadata));
  }
  return fail(error_code::not_found, "checkpoint " + std::to_string(epoch.value) + " is not in the job's log");
}

std::vector<proto::FileReference> base_files(const proto::CheckpointMetadata& metadata) {
  std::vector<proto::FileReference> files;
  for (const proto::TaskSnapshot& task : metadata.tasks())
    files.insert(files.end(), task.keyed_state().base().begin(), task.keyed_state().base().end());
  return files;
}

result<void> recover_sinks(const proto::PhysicalPlan& plan, std::vector<job_sink>& sinks,
                           const proto::CheckpointMetadata* restored, bool rewound) {
  const epoch_id last(restored ? restored->epoch() : 0);
  for (job_sink& each : sinks)
    if (auto done = each.committer->recover(last); !done) {
      failure cause = std::move(done).error();
      cause.message = "sink " + each.step + ": " + cause.message;
      return cause;
    }
  if (!restored) return {};
  for (job_sink& each : sinks) {
    std::vector<shard_commit> shards;
    for (const restored_node& old : restored_nodes(*restored, *find_node(plan, each.node)))
      shards.push_back({old.subtask, old.node->committable()});
    const commit_epoch epoch{last, epoch_id(restored->previous()), restored->uuid(), restored->is_final(), rewound,
                             restored->stops()};
    const bool is_new = shards.empty();
    if (auto done = is_new ? each.committer->begin(last) : each.committer->commit(epoch, shards); !done) {
      failure cause = std::move(done).error();
      cause.message = "sink " + each.step + ": " + cause.message;
      return cause;
    }
  }
  return {};
}

result<std::vector<std::string>> rewind_job(checkpoint_store& store, const proto::PhysicalPlan& plan, epoch_id to) {
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, store.read_log());
  SYSTOLE_ASSIGN(const checkpoint_history history, read_history(log));
  const auto known = std::find_if(history.completed.begin(), history.completed.end(),
                                  [to](const auto& each) { return each.epoch == to; });
  if (to.value != 0 && (known == history.completed.end() || !is_whole(store, *known))) {
    const std::string kept = older_epochs(store, history);
    return fail(error_code::invalid_argument, "there is no whole checkpoint " + std::to_string(to.value) +
                                                  " to rewind to; there are: " + (kept.empty() ? "none" : kept));
  }
  const epoch_id from = history.completed.empty() ? epoch_id() : history.completed.back().epoch;
  rewind_effects told = effects_of_rewind(plan, from, to);
  if (!told.refusals.empty()) {
    std::string why;
    for (const std::string& each : told.refusals) why += (why.empty() ? "" : "; ") + each;
    return fail(error_code::invalid_argument, "cannot rewind to checkpoint " + std::to_string(to.value) + ": " + why);
  }
  proto::LogRecord record;
  record.set_term(history.term.value);
  record.set_nonce(make_uuid());
  record.mutable_rewound()->set_from_epoch(from.value);
  record.mutable_rewound()->set_to_epoch(to.value);
  SYSTOLE_TRY(store.append(std::move(record)));
  return std::move(told.effects);
}

}  // namespace systole
