#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes a union of any number of inputs with equal column names and types (in any order). Where the output is a changelog,
/// rows of append inputs become +I.
result<std::unique_ptr<stream_operator>> make_union(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                    const operator_context& context);

}  // namespace systole
