#include "actors/job_recovery.h"

#include <algorithm>

#include "coordination/restored_nodes.h"

namespace systole {
namespace {

failure in_epoch(failure cause, uint64_t epoch) {
  cause.message = "checkpoint epoch " + std::to_string(epoch) + ": " + cause.message;
  return cause;
}

std::string older_epochs(const checkpoint_history& history) {
  std::string made;
  for (size_t i = 0; i + 1 < history.completed.size(); ++i)
    made += (made.empty() ? "" : ", ") + std::to_string(history.completed[i].epoch.value);
  return made;
}

}  // namespace

result<recovered_job> recover_job(checkpoint_store& store, const std::string& job) {
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, store.read_log());
  recovered_job made;
  SYSTOLE_ASSIGN(made.history, read_history(log));
  const auto last = made.history.last();
  if (!last) return made;
  const auto damaged = [&](failure cause) {
    cause = in_epoch(std::move(cause), last->epoch.value);
    if (cause.code != error_code::corrupt) return cause;
    const std::string older = older_epochs(made.history);
    cause.message += older.empty() ? "; no older epoch is kept: start anew with another state directory"
                                   : "; to go back to an older epoch use --rewind with one of: " + older;
    return cause;
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

std::vector<proto::FileReference> base_files(const proto::CheckpointMetadata& metadata) {
  std::vector<proto::FileReference> files;
  for (const proto::TaskSnapshot& task : metadata.tasks())
    files.insert(files.end(), task.keyed_state().base().begin(), task.keyed_state().base().end());
  return files;
}

result<void> recover_sinks(const proto::PhysicalPlan& plan, std::vector<job_sink>& sinks,
                           const proto::CheckpointMetadata* restored) {
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
    if (shards.empty()) continue;  // a new sink
    const commit_epoch epoch{last, epoch_id(restored->previous()), restored->uuid(), restored->is_final()};
    if (auto done = each.committer->commit(epoch, shards); !done) {
      failure cause = std::move(done).error();
      cause.message = "sink " + each.step + ": " + cause.message;
      return cause;
    }
  }
  return {};
}

result<void> rewind_job(checkpoint_store& store, const checkpoint_history& history, epoch_id to) {
  const bool known = to.value == 0 || std::any_of(history.completed.begin(), history.completed.end(),
                                                  [to](const auto& each) { return each.epoch == to; });
  if (!known) {
    std::string kept = older_epochs(history);
    return fail(error_code::invalid_argument, "there is no complete epoch " + std::to_string(to.value) +
                                                  " to rewind to; kept are: " + (kept.empty() ? "none" : kept));
  }
  proto::LogRecord record;
  record.set_term(history.term.value);
  record.set_nonce(make_uuid());
  record.mutable_rewound()->set_from_epoch(history.completed.empty() ? 0 : history.completed.back().epoch.value);
  record.mutable_rewound()->set_to_epoch(to.value);
  return store.append(std::move(record));
}

}  // namespace systole
