#pragma once

#include <string>
#include <vector>

#include "actors/components.h"
#include "proto/plan.pb.h"

namespace systole {

/// What is known of a plan's tables before its job begins.
struct target_check {
  std::vector<std::string> problems;  ///< each names its source or sink
  bool refused = false;               ///< rows would not fit; else the problems say what could not be asked
};
/// Asks what has a form of its own, PostgreSQL's tables, whether it takes a sink's rows, or has a source's columns. What
/// cannot be reached is told and asked no further: the job waits for it as it would later. Blocks.
target_check check_targets(const proto::PhysicalPlan& plan, const job_components& components,
                           const std::string& secret_directory);

}  // namespace systole
