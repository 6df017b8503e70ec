#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "proto/checkpoint.pb.h"
#include "proto/plan.pb.h"

namespace systole {

/// A plan beside the checkpoint that it is to go on from, step by step. Whether a kept step's tables still have the
/// same types, keys and functions is told by the state itself when they are opened (`incompatible`).
struct saved_state_comparison {
  std::vector<std::string> kept;   ///< in the plan's order, under the names of today
  std::vector<std::string> added;  ///< start empty, or read their input from the start
  /// Saved, and not in the plan any more (or there without state). Only steps that hold something: tables, positions of
  /// a source, rows that a sink has yet to publish.
  struct dropped_step {
    std::string step;
    std::string holds;  ///< "2 state tables", "how far it was read", "rows to publish"
  };
  std::vector<dropped_step> dropped;

  bool changed() const { return !added.empty() || !dropped.empty(); }
  /// "kept: a, b; new: c; dropped: d (2 state tables)"
  std::string summary() const;
};

/// Pure. Roles that a step no longer has count as dropped only where the whole step is gone or has lost its state.
saved_state_comparison compare_with_saved(const proto::PhysicalPlan& plan, const proto::CheckpointMetadata& saved);

/// What going back to an older epoch means to each sink of a plan.
struct rewind_effects {
  std::vector<std::string> effects;   ///< a line per sink, for the user
  std::vector<std::string> refusals;  ///< sinks that cannot go back, and what to do; empty: the rewind may be done
};

/// `from` is the last complete epoch, `to` the one to go back to, 0 the start. Pure.
rewind_effects effects_of_rewind(const proto::PhysicalPlan& plan, epoch_id from, epoch_id to);

}  // namespace systole
