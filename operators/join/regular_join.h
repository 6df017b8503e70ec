#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes the unbounded join (inner or left) of two streams, append or changelog, on equal keys; its output is a
/// changelog unless both inputs are append-only and it is an inner join.
result<std::unique_ptr<stream_operator>> make_regular_join(const proto::Node& node,
                                                           const std::vector<operator_input>& inputs,
                                                           const operator_context& context);

}  // namespace systole
