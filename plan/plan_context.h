#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "expr/expression.h"
#include "plan/job_parameters.h"
#include "plan/logical_plan.h"
#include "plan/manifest_value.h"

namespace systole {

/// A schema as the manifest writes it: columns and where each is in the record.
struct record_schema {
  schema columns;
  std::vector<std::vector<std::string>> paths;
  std::vector<source_position> at;  ///< where each is written
  bool poisoned = false;
};

/// A Connection document.
struct known_connection {
  std::string system;          ///< kafka, postgresql; empty where the document does not say it
  proto::Connection settings;
  bool poisoned = false;       ///< reported already
};

/// What all parts of planning share.
struct plan_context {
  const std::vector<manifest_source>& files;
  diagnostics& problems;
  const job_parameters& parameters;
  std::string base_directory;
  std::map<std::string, record_schema, std::less<>> schemas;
  std::map<std::string, known_connection, std::less<>> connections;

  std::string_view text_of(uint32_t file) const {
    return file < files.size() ? std::string_view(files[file].text) : std::string_view();
  }
};

/// A step about to be planned: its manifest, its inputs and the node to fill.
struct step_site {
  plan_context& context;
  object_view step;                       ///< the whole step
  const yaml_node* operation = nullptr;   ///< the operation's value
  std::vector<const stream*> inputs;
  std::vector<std::string> aliases;       ///< of the inputs: their names where none are given
  logical_node& made;
};

// Each fills made.node's operation and made.out; on an error it reports and sets made.out.poisoned.
void plan_source(plan_context& context, const object_view& source, bool is_table, uint32_t number, logical_node& made);
void plan_filter(step_site& site);
void plan_project(step_site& site);
void plan_validate(step_site& site);
void plan_expand(step_site& site);
void plan_deduplicate(step_site& site);
void plan_aggregate(step_site& site);
void plan_window(step_site& site);
void plan_over(step_site& site);
void plan_join(step_site& site, bool table_join);
void plan_union(step_site& site);
void plan_sink(plan_context& context, const object_view& sink, const stream* input, logical_node& made);

/// Reads `column: type [not null] [from path]`.
record_schema read_columns(plan_context& context, const yaml_node& columns);
/// A path relative to the manifest, unless it starts with a parameter or is absolute.
std::string resolve_path(const plan_context& context, const yaml_node* path);

}  // namespace systole
