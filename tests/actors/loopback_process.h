#pragma once

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <cstdint>
#include <utility>

#include "actors/wire/transport.h"
#include "base/limits.h"

namespace systole::testing {

/// A task of which only frames and grants matter.
template <class OnFrame, class OnCredit>
task_actor::behavior_type only_exchange(task_actor::pointer self, OnFrame on_frame, OnCredit on_credit) {
  return {[](const std::shared_ptr<const task_wiring>&) {},
          on_frame,
          on_credit,
          [](const trigger_epoch&) {},
          [](const abort_epoch&) {},
          [](const commit_sinks&) {},
          [](const epoch_committed&) {},
          [](const pause_sources&) {},
          [](source_news) {},
          [](drain_input) {},
          [](others_ended) {},
          [](const go_on&) {},
          [self](end_actor) { self->quit(); }};
}

/// One process of a cluster as far as its frames go: an actor system with a gate at a loopback port, and a link to one
/// other.
class loopback_process {
 public:
  loopback_process(job_id job, attempt_stamp stamp, gate_events events)
      : job_(job), stamp_(stamp), gate(spawn_gate(system, std::move(events))) {
    port = system.middleman().publish(caf::actor_cast<wire_actor>(gate), 0, "127.0.0.1").value();
  }
  ~loopback_process() {
    caf::anon_send(gate, end_actor{});
    if (link) caf::anon_send(link, end_actor{});
    if (remote) caf::anon_send(remote, end_actor{});
  }
  /// The side that connects: it says hello, so that the other can answer.
  void connect_to(uint16_t other) {
    answer(system.middleman().remote_actor<wire_actor>("127.0.0.1", other).value());
    caf::anon_send(link, outgoing_hello{"a loopback process", caf::actor_cast<caf::strong_actor_ptr>(gate)});
  }
  /// The other side, told by its gate's hello.
  void answer(wire_actor peer) {
    link = spawn_link(system, std::move(peer), limits::link_bytes);
    remote = spawn_remote_tasks(system, job_, stamp_, link);
  }

 private:
  struct with_io : caf::actor_system_config {
    with_io() { load<caf::io::middleman>(); }
  };
  with_io config_;
  job_id job_;
  attempt_stamp stamp_;

 public:
  caf::actor_system system{config_};
  gate_actor gate;
  uint16_t port = 0;
  link_actor link;
  task_actor remote;  ///< stands for the other's tasks
};

}  // namespace systole::testing
