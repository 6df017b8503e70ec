#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "proto/checkpoint.pb.h"
#include "proto/plan.pb.h"

namespace systole {

/// The tables of a plan's stateful steps, by step.
using planned_tables = std::map<std::string, std::vector<proto::TableDescriptor>>;

/// A plan beside the checkpoint that it is to go on from, step by step.
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

  /// In the plan and saved, but with other types, keys, functions or windows: their tables cannot be read.
  struct incompatible_step {
    std::string step;
    std::string why;  ///< each table that differs, before and now
  };
  std::vector<incompatible_step> incompatible;

  bool changed() const { return !added.empty() || !dropped.empty() || !incompatible.empty(); }
  /// "kept: a, b; new: c; dropped: d (2 state tables); incompatible: e (table x was ..., is ...)"
  std::string summary() const;
};

/// Why a plan may not go on from the saved state that it was compared with, and what to do; nothing where it may.
std::optional<failure> refusal_of(const saved_state_comparison& compared, bool allow_drop_state);

/// Pure. Roles that a step no longer has count as dropped only where the whole step is gone or has lost its state.
/// `tables`: those that the plan's operators open; steps that are not in it are not checked for compatibility.
saved_state_comparison compare_with_saved(const proto::PhysicalPlan& plan, const proto::CheckpointMetadata& saved,
                                          const planned_tables& tables);

/// What going back to an older epoch means to each sink of a plan.
struct rewind_effects {
  std::vector<std::string> effects;   ///< a line per sink, for the user
  std::vector<std::string> refusals;  ///< sinks that cannot go back, and what to do; empty: the rewind may be done
};

/// `from` is the last complete epoch, `to` the one to go back to, 0 the start. Pure.
rewind_effects effects_of_rewind(const proto::PhysicalPlan& plan, epoch_id from, epoch_id to);

}  // namespace systole
