#pragma once

#include "plan/plan_context.h"

namespace systole {

/// Reads a checked Connection document into context.connections; reports a name that is taken and settings that do not
/// go together.
void read_connection(plan_context& context, const yaml_node& document);

/// Finds the connection that `connector` (a source's or sink's `kafka`, `postgresql`) names, which must be one to `system`
/// ("kafka"). False after an error, and where the connection itself was reported.
bool find_connection(plan_context& context, const object_view& connector, std::string_view system,
                     proto::Connection& into);

}  // namespace systole
