#include "actors/writer_actors.h"

#include <caf/all.hpp>
#include <utility>

#include "actors/quiet_actor.h"
#include "base/log.h"
#include "coordination/checkpoint_history.h"

namespace systole {
namespace {

std::optional<failure> cause_of(result<void> done) {
  if (done) return std::nullopt;
  return std::move(done).error();
}

result<void> make_durable(snapshot_work& work, const crash_points* crash) {
  for (const std::shared_ptr<sink_writer>& sink : work.sinks) SYSTOLE_TRY(sink->make_durable(work.epoch));
  if (work.state) {
    SYSTOLE_ASSIGN(*work.facts.mutable_keyed_state(), work.state->write());
    work.state.reset();
  }
  if (crash) crash->reach("durable");
  return {};
}

state_writer_actor::behavior_type write_state(state_writer_actor::pointer self, job_actor job,
                                              const crash_points* crash) {
  make_quiet(self, [self, job](failure cause) { self->send(job, task_failed{0, std::move(cause)}); });
  return {
      [self, job, crash](const durable_work& durable) {
        snapshot_work& work = *durable.work;
        if (auto done = make_durable(work, crash); !done) {
          self->send(job, task_failed{work.task, std::move(done).error()});
          return;
        }
        self->send(job, epoch_ack{work.task, work.epoch, std::make_shared<proto::TaskSnapshot>(std::move(work.facts))});
      },
      [self, job, crash](const commit_work& work) {
        std::optional<failure> cause;
        for (const committing_sink& sink : work.sinks) {
          cause = cause_of(sink.writer->commit(work.epoch));
          if (!cause) continue;
          sink.meter->on_error();
          break;
        }
        if (crash && !cause) crash->reach("mid_commit");
        self->send(job, shards_committed{work.task, work.epoch.epoch, std::move(cause)});
      },
      [self](end_actor) { self->quit(); },
  };
}

result<void> store_one(checkpoint_store& store, const proto::CheckpointMetadata& metadata, const crash_points* crash) {
  SYSTOLE_ASSIGN(const proto::FileReference file, store.put_metadata(metadata));
  if (crash) crash->reach("metadata");
  proto::LogRecord record;
  record.set_term(metadata.term());
  record.set_nonce(make_uuid());
  record.mutable_completed()->set_epoch(metadata.epoch());
  *record.mutable_completed()->mutable_metadata() = file;
  SYSTOLE_TRY(store.append(std::move(record)));
  if (crash) crash->reach("completed");
  return {};
}

/// Folds the log once it is long. `records`: about how many it has; counts up by one for the epoch.
result<void> fold_log(checkpoint_store& store, term_id term, uint32_t retained, uint64_t& records) {
  if (++records <= records_before_fold) return {};
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, store.read_log());
  SYSTOLE_ASSIGN(const checkpoint_history history, read_history(log));
  records = history.records;
  if (records <= records_before_fold) return {};
  proto::LogRecord base = folded(history, term, retained);
  base.set_nonce(make_uuid());
  SYSTOLE_TRY(store.append(std::move(base)));
  records = 1;
  return {};
}

checkpoint_writer_actor::behavior_type write_checkpoints(checkpoint_writer_actor::pointer self, job_actor job,
                                                         checkpoint_store* store, const crash_points* crash,
                                                         term_id term, uint32_t retained) {
  make_quiet(self, [self, job](failure cause) { self->send(job, task_failed{0, std::move(cause)}); });
  return {
      [=](const store_epoch& epoch) {
        self->send(
            job, epoch_stored{epoch_id(epoch.metadata->epoch()), cause_of(store_one(*store, *epoch.metadata, crash))});
      },
      [=, records = records_before_fold](const epoch_committed&) mutable {
        // What cannot be removed now is removed after a later epoch.
        if (auto shorter = fold_log(*store, term, retained, records); !shorter)
          log_line(log_level::warning, "checkpoint", shorter.error().message);
        if (auto collected = store->collect_garbage(retained); !collected)
          log_line(log_level::warning, "checkpoint", collected.error().message);
      },
      [=](const record_finished& finished) {
        proto::LogRecord record;
        record.set_term(term.value);
        record.set_nonce(make_uuid());
        record.mutable_finished()->set_epoch(finished.epoch.value);
        self->send(job, job_finished_recorded{cause_of(store->append(std::move(record)))});
      },
      [self](end_actor) { self->quit(); },
  };
}

file_verifier_actor::behavior_type verify_bases(file_verifier_actor::pointer self, job_actor job,
                                                checkpoint_store* store) {
  make_quiet(self, [self, job](failure cause) { self->send(job, task_failed{0, std::move(cause)}); });
  return {
      [=](const verify_files& files) {
        std::optional<failure> cause;
        for (const proto::FileReference& file : files.files)
          if (!cause) cause = cause_of(store->verify(file));
        self->send(job, bases_verified{std::move(cause)});
        self->quit();
      },
  };
}

sink_committer_actor::behavior_type commit_sink(sink_committer_actor::pointer self, job_actor job, uint32_t sink,
                                                std::shared_ptr<sink_committer> committer, const crash_points* crash) {
  make_quiet(self, [self, job](failure cause) { self->send(job, task_failed{0, std::move(cause)}); });
  return {
      [=](const commit_shards& what) {
        std::optional<failure> cause = cause_of(committer->commit(what.epoch, what.shards));
        if (crash && !cause) crash->reach("mid_commit");
        self->send(job, sink_committed{sink, what.epoch.epoch, std::move(cause)});
      },
      [self](end_actor) { self->quit(); },
  };
}

}  // namespace

state_writer_actor spawn_state_writer(caf::actor_system& system, job_actor job, const crash_points* crash) {
  return system.spawn<caf::detached>(write_state, std::move(job), crash);
}

checkpoint_writer_actor spawn_checkpoint_writer(caf::actor_system& system, job_actor job, checkpoint_store* store,
                                                const crash_points* crash, term_id term, uint32_t retained) {
  return system.spawn<caf::detached>(write_checkpoints, std::move(job), store, crash, term, retained);
}

file_verifier_actor spawn_file_verifier(caf::actor_system& system, job_actor job, checkpoint_store* store) {
  return system.spawn<caf::detached>(verify_bases, std::move(job), store);
}

sink_committer_actor spawn_sink_committer(caf::actor_system& system, job_actor job, uint32_t sink,
                                          std::unique_ptr<sink_committer> committer, const crash_points* crash) {
  return system.spawn<caf::detached>(commit_sink, std::move(job), sink,
                                     std::shared_ptr<sink_committer>(std::move(committer)), crash);
}

}  // namespace systole
