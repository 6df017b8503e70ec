#pragma once

#include <caf/fwd.hpp>
#include <memory>

#include "actors/attempt.h"
#include "actors/interfaces.h"

namespace systole {

// The detached actors that wait for disks and peers, so that no other has to. All are spawned by the job's actor.

state_writer_actor spawn_state_writer(caf::actor_system& system, job_actor job, const crash_points* crash);
checkpoint_writer_actor spawn_checkpoint_writer(caf::actor_system& system, job_actor job, checkpoint_store* store,
                                                const crash_points* crash, term_id term, uint32_t retained);
file_verifier_actor spawn_file_verifier(caf::actor_system& system, job_actor job, checkpoint_store* store);
sink_committer_actor spawn_sink_committer(caf::actor_system& system, job_actor job, uint32_t sink,
                                          std::unique_ptr<sink_committer> committer, const crash_points* crash);

}  // namespace systole
