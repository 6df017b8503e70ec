#pragma once

#include <caf/fwd.hpp>
#include <memory>

#include "actors/attempt.h"
#include "actors/interfaces.h"

namespace systole {

/// Spawns the actor of one attempt; it spawns all others, wires them, and reports through parts.end once all have
/// ended.
job_actor spawn_job(caf::actor_system& system, attempt_parts parts);

}  // namespace systole
