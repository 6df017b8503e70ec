#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/cluster_storage.h"
#include "actors/components.h"
#include "coordination/checkpoint_history.h"
#include "coordination/saved_state.h"
#include "proto/checkpoint.pb.h"
#include "proto/plan.pb.h"
#include "state/store/checkpoint_store.h"

namespace systole {

/// A complete epoch that another job is to begin with, or the same job with another manifest.
struct saved_origin {
  std::unique_ptr<checkpoint_store> store;
  checkpoint_history history;
  proto::CheckpointMetadata metadata;
  epoch_id epoch() const { return epoch_id(metadata.epoch()); }
};

/// "NAME", "ID", "PATH", each with :EPOCH or without.
struct origin_name {
  std::string where;
  epoch_id epoch;  ///< 0: not said
  bool is_path() const { return where.find('/') != std::string::npos; }
};
origin_name parse_origin(const std::string& text);

/// The checkpoint store in a directory that a user names: itself one, a run's --state or a cluster's jobs/ID. Makes
/// nothing.
result<std::string> find_checkpoints(const job_components& components, const std::string& directory);

/// Opens an epoch (0: the last one) of a checkpoint store. Blocks. `not_found` where there is no such epoch,
/// `incompatible` where nothing can go on from it.
result<saved_origin> open_origin(const job_components& components, const std::string& place, epoch_id epoch);

/// The saved state beside a plan. Opens the plan's operators over empty state in `scratch`, which is removed. Blocks.
result<saved_state_comparison> compare_with_origin(const proto::PhysicalPlan& plan, const saved_origin& from,
                                                   const job_components& components, const cluster_storage& storage,
                                                   const std::string& scratch);

/// Why a job that publishes under `name` cannot go back so far; nothing where it can.
std::optional<failure> refuse_rewind(const proto::PhysicalPlan& plan, const saved_origin& from);

/// Makes the epoch the first one of a new job's checkpoint store: files, metadata, log. A job of the same name goes on
/// as the old one would: its sinks know its epochs. One of another name has the state and the positions; what its sinks
/// publish begins there. Blocks; what is left of a failure is in the way of nothing.
result<void> begin_with(const saved_origin& from, const proto::PhysicalPlan& plan, term_id term,
                        checkpoint_store& into);

}  // namespace systole
