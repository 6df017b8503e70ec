#pragma once

#include "plan/descriptor.h"
#include "plan/job_parameters.h"
#include "plan/yaml_node.h"

namespace systole {

/// Checks a value against its shape, replaces ${param.x}, and reports all that is wrong. A node with an error anywhere
/// within is marked invalid. `parameters` may be null: then ${...} is left alone. `what` names the value in messages.
bool check_shape(yaml_node& node, const value_shape& shape, const std::string& what, const job_parameters* parameters,
                 diagnostics& problems);
bool check_object(yaml_node& node, const object_descriptor& descriptor, const job_parameters* parameters,
                  diagnostics& problems);

}  // namespace systole
