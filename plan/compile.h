#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan/diagnostic.h"
#include "proto/plan.pb.h"

namespace systole {

/// How a manifest is compiled.
struct compile_options {
  std::map<std::string, std::string> parameters;   ///< --param NAME=VALUE
  std::optional<uint32_t> parallelism;             ///< instead of the manifest's
  bool optimise = true;                            ///< false: the same results, slower; for tests
  std::string base_directory;                      ///< what relative paths are relative to; empty: left as they are
  /// Reads an environment variable for `fromEnv`; the process's own by default.
  std::function<std::optional<std::string>(const std::string&)> environment;
};

/// What `explain` tells of a node beyond the physical plan.
struct node_notes {
  bool has_event_time = false;
  std::string event_time;                       ///< the column that holds it, or empty
  std::optional<std::vector<std::string>> upsert_key;
  std::vector<std::string> partitioned_by;      ///< by the last hash exchange
  bool bounded = false;
  bool replayable = true;                       ///< false: ingestion time comes from the clock
};

/// A compiled job, or all that is wrong with it.
struct compile_result {
  std::optional<proto::PhysicalPlan> plan;      ///< nothing when there are errors
  std::map<uint32_t, node_notes> notes;         ///< by node id
  std::vector<diagnostic> problems;             ///< errors and warnings, in the order of files and positions

  bool ok() const { return plan.has_value(); }
};

/// Compiles the one Job document of `files`; Connection documents may stand beside it, JobTest documents are skipped.
compile_result compile(const std::vector<manifest_source>& files, const compile_options& options = {});

enum class explain_format { text, json, dot };
/// Shows the plan with every default, and for each edge append or changelog, upsert key, watermark and parallelism.
std::string explain(const compile_result& compiled, explain_format format);

/// The JSON Schema (draft-07) of manifests, from the table that drives the parser.
std::string json_schema();

}  // namespace systole
