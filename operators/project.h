#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes a projection: the fields' values become the visible columns; hidden columns stay. Bare columns are shared, not
/// copied. A row on which any field fails is rejected.
result<std::unique_ptr<stream_operator>> make_project(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                      const operator_context& context);

}  // namespace systole
