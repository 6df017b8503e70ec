#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/attempt.h"
#include "actors/components.h"
#include "coordination/checkpoint_history.h"
#include "proto/checkpoint.pb.h"
#include "proto/plan.pb.h"
#include "state/store/checkpoint_store.h"

namespace systole {

/// What a checkpoint store holds for a job, and where to go on.
struct recovered_job {
  checkpoint_history history;
  std::shared_ptr<const proto::CheckpointMetadata> restored;  ///< null: a fresh start
};

/// Reads the log and the metadata of its last complete epoch, and verifies the epoch's deltas. `corrupt` names the file
/// and the epoch.
result<recovered_job> recover_job(checkpoint_store& store, const std::string& job);

/// The metadata of a complete epoch; null for epoch 0.
result<std::shared_ptr<const proto::CheckpointMetadata>> read_epoch(checkpoint_store& store, epoch_id epoch);

/// The base files of a checkpoint, which are verified while the job runs.
std::vector<proto::FileReference> base_files(const proto::CheckpointMetadata& metadata);

/// Tells every sink the last complete epoch and has it committed (again): before the first row of an attempt. `rewound`:
/// later epochs were complete once.
result<void> recover_sinks(const proto::PhysicalPlan& plan, std::vector<job_sink>& sinks,
                           const proto::CheckpointMetadata* restored, bool rewound = false);

/// A failure as it is where it is not `corrupt`; else with the epoch that is damaged and the older ones that are whole
/// (which are read for that).
failure explain_damage(checkpoint_store& store, const checkpoint_history& history, failure cause);

/// Records that the job goes back to an older epoch; 0: to the start. The next recover_job restores that. Returns a line
/// per sink on what it does to it; `invalid_argument` where the epoch is not whole or a sink cannot go back.
result<std::vector<std::string>> rewind_job(checkpoint_store& store, const proto::PhysicalPlan& plan, epoch_id to);

}  // namespace systole
