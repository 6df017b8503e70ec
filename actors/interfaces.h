#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "actors/exchange.h"
#include "actors/task.h"
#include "base/result.h"
#include "connectors/sink.h"
#include "coordination/barrier.h"
#include "proto/checkpoint.pb.h"

/// The actors of a job and what each message means. Messages are plain structs, sent within one process; numbers and
/// names are append-only, for they will go on the wire between workers. No message holds a record's text but frames do.
namespace systole {

// ---- messages

struct task_wiring;  ///< all tasks' handles, by task index; see below
struct credit_grant {
  uint32_t channel = 0;
  uint64_t bytes = 0;
};
struct trigger_epoch {
  barrier what;
};
struct abort_epoch {
  epoch_id epoch;
};
struct epoch_committed {
  epoch_id epoch;
};
struct pause_sources {
  bool paused = false;
};
struct drain_input {};
struct others_ended {};
struct source_news {};
/// To oneself: go on. A number, so that a wake-up from before is told from the current one.
struct go_on {
  uint64_t turn = 0;
};
/// Ends an actor in order: what is in its mailbox before is done first.
struct end_actor {};

struct task_failed {
  uint32_t task = 0;
  failure cause;
};
struct task_finished {
  uint32_t task = 0;
};
struct task_sources_ended {
  uint32_t task = 0;
};
struct task_pressure {
  uint32_t task = 0;
  bool on = false;
};
struct epoch_wanted {
  uint32_t task = 0;
};
struct epoch_ack {
  uint32_t task = 0;
  epoch_id epoch;
  std::shared_ptr<proto::TaskSnapshot> facts;
};
struct epoch_stored {
  epoch_id epoch;
  std::optional<failure> cause;
};
struct sink_committed {
  uint32_t sink = 0;
  epoch_id epoch;
  std::optional<failure> cause;
};
struct bases_verified {
  std::optional<failure> cause;
};
struct stop_job {
  bool drain = false;
};
struct job_finished_recorded {
  std::optional<failure> cause;
};

struct store_epoch {
  std::shared_ptr<proto::CheckpointMetadata> metadata;
};
struct record_finished {
  epoch_id epoch;
};
struct verify_files {
  std::vector<proto::FileReference> files;
};
struct commit_shards {
  commit_epoch epoch;
  std::vector<shard_commit> shards;
};
struct durable_work {
  std::shared_ptr<snapshot_work> work;
};
struct commit_sinks {
  commit_epoch epoch;
};
struct commit_work {
  uint32_t task = 0;
  commit_epoch epoch;
  std::vector<committing_sink> sinks;
};
struct shards_committed {
  uint32_t task = 0;
  epoch_id epoch;
  std::optional<failure> cause;
};

}  // namespace systole

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::frame_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<const systole::task_wiring>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::credit_grant)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::trigger_epoch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::abort_epoch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::epoch_committed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::pause_sources)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::drain_input)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::source_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::go_on)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::end_actor)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::task_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::task_finished)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::task_sources_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::others_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::task_pressure)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::epoch_wanted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::epoch_ack)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::epoch_stored)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::sink_committed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::bases_verified)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::stop_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::job_finished_recorded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::store_epoch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::record_finished)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::verify_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::commit_shards)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::durable_work)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::commit_sinks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::commit_work)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::shards_committed)

namespace systole {

// ---- actors

/// Runs one subtask (actors/task.h). Detached where the task may block (it has a source, a sink or keyed state), else
/// scheduled. One batch per message, so that control messages get in between.
using task_actor = caf::typed_actor<
    // Once, first: the handles of all tasks. The task starts to work.
    caf::reacts_to<std::shared_ptr<const task_wiring>>,
    // From a task upstream: rows, watermark, barrier or end of a channel.
    caf::reacts_to<frame_ptr>,
    // From a task downstream: so many bytes of a channel were consumed.
    caf::reacts_to<credit_grant>,
    // From the job: cut this epoch at your sources.
    caf::reacts_to<trigger_epoch>,
    // From the job: this epoch will not be completed; do not wait for its barriers.
    caf::reacts_to<abort_epoch>,
    // From the job: the epoch is complete; those of your sinks that commit by themselves are to do so.
    caf::reacts_to<commit_sinks>,
    // From the job: all sinks have committed this epoch.
    caf::reacts_to<epoch_committed>,
    // From the job: an outbox is nearly full (or no longer); stop (or go on) reading sources. To the task whose outbox
    // it is: the sources have this message.
    caf::reacts_to<pause_sources>,
    // From a source of this task, on whatever thread: there is something to read again.
    caf::reacts_to<source_news>,
    // From the job: the input ends here; all windows fire.
    caf::reacts_to<drain_input>,
    // From the job: all sources but the tables that are refreshed have ended; these are to end too.
    caf::reacts_to<others_ended>,
    // From itself: do the next piece of work.
    caf::reacts_to<go_on>,
    // From the job: end.
    caf::reacts_to<end_actor>>;

struct task_wiring {
  std::vector<task_actor> tasks;
};

/// Coordinates one attempt of a job: a thin shell around checkpoint_coordinator. Scheduled; never blocks.
using job_actor = caf::typed_actor<
    // From a task or a writer: the attempt has failed. The first one is the root cause.
    caf::reacts_to<task_failed>,
    // From a task: its input has ended and is passed on.
    caf::reacts_to<task_finished>,
    // From a task with sources: they have ended, but for tables that are refreshed.
    caf::reacts_to<task_sources_ended>,
    // From a task: its sinks' outboxes are near their limit, or below it again.
    caf::reacts_to<task_pressure>,
    // From a task: its sinks' outboxes fill; cut an epoch as soon as there is none under way.
    caf::reacts_to<epoch_wanted>,
    // From a state writer: a task's part of an epoch is durable.
    caf::reacts_to<epoch_ack>,
    // From the checkpoint writer: the epoch is complete (its record is in the log), or why not.
    caf::reacts_to<epoch_stored>,
    // From a sink committer: the epoch is published, or why not.
    caf::reacts_to<sink_committed>,
    // From a state writer: a task's sinks that commit by themselves have published the epoch, or why not.
    caf::reacts_to<shards_committed>,
    // From the checkpoint writer: the restored base files are whole, or which one is not.
    caf::reacts_to<bases_verified>,
    // From the checkpoint writer: the job's end is in the log.
    caf::reacts_to<job_finished_recorded>,
    // From the user: take a savepoint and end, or (drain) end the input.
    caf::reacts_to<stop_job>,
    // From itself: look at the clock.
    caf::reacts_to<go_on>>;

/// Publishes complete epochs of one sink. Detached: commits block.
using sink_committer_actor = caf::typed_actor<
    // From the job: commit; answered with sink_committed.
    caf::reacts_to<commit_shards>, caf::reacts_to<end_actor>>;

/// Makes tasks' snapshots durable: sinks' outboxes, then deltas; commits shards. Detached: it waits for fsync. A task always has the
/// same writer, so its epochs stay in order.
using state_writer_actor = caf::typed_actor<
    // From a task: write; the job gets an epoch_ack or task_failed.
    caf::reacts_to<durable_work>,
    // From a task: commit these shards; the job gets shards_committed.
    caf::reacts_to<commit_work>, caf::reacts_to<end_actor>>;

/// Writes metadata and log records, verifies base files, collects garbage. Detached: it waits for fsync.
using checkpoint_writer_actor = caf::typed_actor<
    // From the job: write the metadata and append `completed`; answered with epoch_stored.
    caf::reacts_to<store_epoch>,
    // From the job: the epoch is committed; old ones may go.
    caf::reacts_to<epoch_committed>,
    // From the job: append `finished`; answered with job_finished_recorded.
    caf::reacts_to<record_finished>, caf::reacts_to<end_actor>>;

/// Verifies restored base files while the job runs. Detached: it reads disks.
using file_verifier_actor = caf::typed_actor<
    // From the job: read all; answered with bases_verified.
    caf::reacts_to<verify_files>>;

}  // namespace systole
