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

/// True where a checked mapping lacks a key of its descriptor and that has been reported: as missing, or as the key that a
/// misspelt one stands for.
bool is_told_absent(const yaml_node& node, const object_descriptor& descriptor, std::string_view key);

}  // namespace systole
