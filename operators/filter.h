#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes a filter: rows pass where the predicate is TRUE, all others are counted as filtered. On a changelog each row is
/// judged by itself, so that an update may come out as -U alone or +U alone: operators look at signs only.
result<std::unique_ptr<stream_operator>> make_filter(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                     const operator_context& context);

}  // namespace systole
