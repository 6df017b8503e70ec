#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plan/compile.h"

namespace systole {

using setting = std::pair<std::string, std::string>;

/// What a node does: "aggregate", "source files", ...
std::string operation_name(const proto::Node& node);
/// All that is set on a node, defaults too.
std::vector<setting> node_settings(const proto::Node& node, const node_notes& notes);
/// All that is set on the job, defaults too.
std::vector<setting> job_settings(const proto::PhysicalPlan& plan);
/// "forward", "hash (a, b)", ...
std::string exchange_text(const proto::Edge& edge);
/// What its keyed state holds per key, or empty: a statement of shape, for its size depends on the data.
std::string state_estimate(const proto::Node& node, const proto::PhysicalPlan& plan);

}  // namespace systole
