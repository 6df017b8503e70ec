#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/interfaces.h"
#include "coordination/frame_admission.h"

/// How bytes get from one process to another: over CAF's BASP, a kind and one opaque byte string at a time. What they
/// mean is not known here, but for frames and their credit.
///
///   task -> remote_tasks (proxy of the other process's tasks) -> link -> ... BASP ... -> gate -> task
///
/// Of two processes one connects and says hello, so that the other has its gate to answer to: connecting both ways at once
/// would make CAF close both connections.
namespace systole {

/// The kind of a byte string between processes. Append-only.
enum class envelope : uint8_t {
  control = 1,  ///< for the process itself: a control message
  frame = 2,    ///< docs/format/frame.md; needs room in the node pair's ledger
  credit = 3,   ///< bytes of a channel that were consumed
  arrived = 4,  ///< bytes of frames that came out of the connection
  hello = 5,    ///< who connects, and its gate
};

/// What a process publishes at its port. Also what a link gets `arrived` through.
using wire_actor = caf::typed_actor<caf::reacts_to<uint8_t, std::string>,
                                    // hello: who it is, as the process says it, and its gate.
                                    caf::reacts_to<uint8_t, std::string, caf::strong_actor_ptr>>;

// ---- messages within a process

/// A frame's bytes for a link. `channel` tells whose turn it is: the same for all frames of a channel.
struct outgoing_frame {
  uint64_t channel = 0;
  std::string bytes;
};
/// Anything but a frame, for a link.
struct outgoing_bytes {
  envelope kind = envelope::control;
  std::string bytes;
};
/// The first thing for a link of the process that connects.
struct outgoing_hello {
  std::string identity;
  caf::strong_actor_ptr gate;
};
/// Where the frames of an attempt go in this process.
struct frame_route {
  job_id job;
  attempt_stamp stamp;
  std::vector<task_actor> receivers;  ///< by channel; null where the receiving task is elsewhere
  std::vector<task_actor> senders;    ///< by channel; null where the sending task is elsewhere
  bool checks_attempt = true;         ///< see safeguards
};
struct open_route {
  std::shared_ptr<const frame_route> route;
};
struct close_route {
  job_id job;
  attempt_stamp stamp;
};

/// Sends to one other process, within the node pair's budget; channels without room wait in turn. What waits is
/// bounded by the channels' own credit.
using link_actor = wire_actor::extend<
    // From a proxy: a frame of a channel with credit.
    caf::reacts_to<outgoing_frame>,
    // From the process: sent at once, whatever waits.
    caf::reacts_to<outgoing_bytes>, caf::reacts_to<outgoing_hello>, caf::reacts_to<end_actor>>;

/// Receives what other processes send: frames go to their tasks, everything else to the process.
using gate_actor = wire_actor::extend<
    // From the process, before the first frame of an attempt can come.
    caf::reacts_to<open_route>,
    // From the process: frames of the attempt are dropped from here on.
    caf::reacts_to<close_route>, caf::reacts_to<end_actor>>;

/// What a gate tells its process. Called on the gate's thread: it sends a message and returns.
struct gate_events {
  /// A control message of the process behind `from`.
  std::function<void(const caf::strong_actor_ptr& from, std::string bytes)> control;
  /// A process has connected.
  std::function<void(std::string identity, wire_actor gate)> hello;
  /// A frame was lost or damaged: the attempt cannot go on.
  std::function<void(job_id job, attempt_stamp stamp, failure cause)> broken;
};

/// `peer`: the other process's gate.
link_actor spawn_link(caf::actor_system& system, wire_actor peer, uint64_t budget_bytes);
gate_actor spawn_gate(caf::actor_system& system, gate_events events);
/// Stands for all tasks of an attempt in another process: takes their frames and grants. Scheduled.
task_actor spawn_remote_tasks(caf::actor_system& system, job_id job, attempt_stamp stamp, link_actor link);

}  // namespace systole

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::outgoing_frame)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::outgoing_bytes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::outgoing_hello)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::open_route)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(systole::close_route)
