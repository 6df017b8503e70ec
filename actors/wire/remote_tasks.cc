#include <caf/all.hpp>
#include <utility>

#include "actors/channel_credit.h"
#include "actors/quiet_actor.h"
#include "actors/wire/frame_wire.h"
#include "actors/wire/transport.h"
#include "base/log.h"

namespace systole {
namespace {

task_actor::behavior_type behave_as_remote_tasks(task_actor::pointer self, job_id job, attempt_stamp stamp, link_actor link) {
  make_quiet(self, [](const failure& cause) { log_line(log_level::warning, "cluster", cause.message); });
  // What a job says to its tasks goes to each process as a control message, never through here.
  const auto not_here = [] { log_line(log_level::error, "cluster", "an order for a task of another process"); };
  return {
      [not_here](const std::shared_ptr<const task_wiring>&) { not_here(); },
      [self, job, stamp, link](const frame_ptr& what) {
        std::string bytes = encode_frame(job, stamp, *what);
        // Channels of all jobs share the link: tell them apart.
        const uint64_t channel = job.value * 0x9e3779b97f4a7c15u + what->channel;
        self->send(link, outgoing_frame{channel, std::move(bytes)});
      },
      [self, job, stamp, link](const credit_grant& grant) {
        self->send(link, outgoing_bytes{envelope::credit, encode_credit({job, stamp, grant})});
      },
      [not_here](const trigger_epoch&) { not_here(); },
      [not_here](const abort_epoch&) { not_here(); },
      [not_here](const commit_sinks&) { not_here(); },
      [not_here](const epoch_committed&) { not_here(); },
      [not_here](const pause_sources&) { not_here(); },
      [not_here](source_news) { not_here(); },
      [not_here](drain_input) { not_here(); },
      [not_here](others_ended) { not_here(); },
      [not_here](const go_on&) { not_here(); },
      [self](end_actor) { self->quit(); },
  };
}

}  // namespace

task_actor spawn_remote_tasks(caf::actor_system& system, job_id job, attempt_stamp stamp, link_actor link) {
  return system.spawn(behave_as_remote_tasks, job, stamp, std::move(link));
}

}  // namespace systole
