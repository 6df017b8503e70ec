#pragma once

#include <optional>
#include <vector>

#include "plan/plan_context.h"

namespace systole {

/// Binds each expression of a list to the step's first input; nothing after an error. `scalars` gets where they are.
std::optional<std::vector<expression_ptr>> bind_expressions(step_site& site, const yaml_node& list,
                                                            std::vector<const yaml_node*>& scalars);
/// Binds `orderBy`; false after an error.
bool bind_order(step_site& site, const yaml_node& list, google::protobuf::RepeatedPtrField<proto::OrderBy>& made);

}  // namespace systole
