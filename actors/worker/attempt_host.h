#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "actors/interfaces.h"
#include "actors/wire/transport.h"
#include "coordination/control_messages.h"

/// A worker's tasks of one attempt: spawned, wired with those of other workers, and ended together.
namespace systole {

// ---- messages, from the worker

struct host_run {};
struct host_close {
  epoch_id closed;
  epoch_id committed;
};
struct host_sources_paused {};

/// Runs the tasks. To them it is their job. Scheduled; ends once all its actors have.
using attempt_host_actor = job_actor::extend<
    // All workers of the attempt have prepared: rows may move.
    caf::reacts_to<host_run>,
    // The barrier, for tasks with sources.
    caf::reacts_to<trigger_epoch>,
    // An epoch is complete: sinks that commit by themselves publish it.
    caf::reacts_to<commit_sinks>,
    // Epochs up to `closed` will not be completed, but for those that are; outboxes up to `committed` may go.
    caf::reacts_to<host_close>,
    // Sources are to stop reading, or to go on.
    caf::reacts_to<pause_sources>,
    // All sources of the attempt have stopped: tasks with a full outbox may give credit again.
    caf::reacts_to<host_sources_paused>,
    // All sources of the attempt have ended, but for tables that are refreshed: these end too.
    caf::reacts_to<others_ended>,
    // The input ends here.
    caf::reacts_to<drain_input>, caf::reacts_to<end_actor>>;

/// What a host tells its worker. Called on the host's thread: each sends a message and returns.
struct host_events {
  /// Its tasks are there, and the gate knows them: frames that come from now on arrive.
  std::function<void()> ready;
  std::function<void(failure cause)> failed;  ///< once
  /// No actor of the attempt is left; `hanging`: the deadline passed first, a thread hangs in a call.
  std::function<void(bool hanging)> ended;
  std::function<void(uint32_t task)> finished;
  /// The task's sources have ended, but for tables that are refreshed. Once all tasks of the attempt that have
  /// planned_task::has_main_source said so, each host is sent others_ended. May be null.
  std::function<void(uint32_t task)> sources_ended;
  std::function<void(epoch_id epoch, uint32_t task, std::shared_ptr<const proto::TaskSnapshot> facts)> part;
  std::function<void(epoch_id epoch, uint32_t task)> committed;
  std::function<void(bool wants_epoch, bool pressed)> outboxes;
};

/// Everything that a host runs.
struct host_parts {
  struct hosted_task {
    std::unique_ptr<task> work;
    uint32_t index = 0;  ///< within the job
    bool detached = false;
  };
  job_id job;
  attempt_stamp stamp;
  std::shared_ptr<const void> world;   ///< what the tasks point into: plan, deployment, connectors
  const deployment* whole = nullptr;   ///< of it
  std::vector<hosted_task> tasks;
  std::vector<task_actor> elsewhere;   ///< by index within the job: proxies, null for the hosted
  gate_actor gate;                     ///< told where the attempt's frames go; null in a cluster of one process
  bool checks_attempt = true;          ///< see safeguards
  const crash_points* crash = nullptr;
  uint32_t state_writers = 1;
  std::chrono::milliseconds shutdown_deadline{10'000};
  host_events events;
};

attempt_host_actor spawn_attempt_host(caf::actor_system& system, host_parts parts);

}  // namespace systole

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::host_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::host_close)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::host_sources_paused)
