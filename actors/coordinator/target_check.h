#pragma once

#include <string>
#include <vector>

#include "actors/components.h"
#include "proto/plan.pb.h"

namespace systole {

/// What is known of a plan's targets before its job begins.
struct target_check {
  std::vector<std::string> problems;  ///< each names its sink
  bool refused = false;               ///< rows would not fit; else the problems say what could not be asked
};
/// Asks the targets that have a form of their own, PostgreSQL's tables, whether they take the rows. What cannot be
/// reached is told and asked no further: the job waits for it as it would later. Blocks.
target_check check_targets(const proto::PhysicalPlan& plan, const job_components& components,
                           const std::string& secret_directory);

}  // namespace systole
