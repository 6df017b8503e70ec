#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/type.h"
#include "plan/diagnostic.h"
#include "proto/plan.pb.h"

namespace systole {

/// What is known of the rows between two steps.
struct stream {
  schema columns;
  bool changelog = false;
  /// At most one live row has equal values of these; none: unknown. Empty: there is one row at most.
  std::optional<std::vector<std::string>> upsert_key;
  std::string no_key_reason;          ///< why upsert_key is unknown, for hints
  bool has_event_time = false;
  std::string event_time;             ///< the column that still holds the event time, or empty
  bool bounded = false;
  bool refreshed = false;             ///< a table that is read again: only a join may take it
  bool enabled = true;                ///< false: left out, with what needs it
  bool poisoned = false;              ///< an error was reported upstream: no further complaints
};

/// A step, source, table or sink with what the physical plan says about it. `node` has no id, stage or edges yet.
struct logical_node {
  proto::Node node;
  std::vector<size_t> inputs;         ///< indices of nodes, in input order
  stream out;
  source_position at;                 ///< its name in the manifest
  bool is_table = false;
  bool is_source = false;
  bool is_sink = false;
  bool replayable = true;             ///< sources: the ingestion time follows from the record
  std::vector<std::string> reads_always;   ///< sources: columns that the source itself reads
  bool strict = false;                ///< sources: all columns are checked
};

/// The job as the manifest says it, checked, in topological order; the dead letter's sink is last.
struct logical_plan {
  std::vector<logical_node> nodes;
  std::optional<size_t> dead_letter;
};

}  // namespace systole
