#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes the inner join of two append streams on equal keys and right.time in [left.time + lower, left.time + upper].
/// A row is late (rule "late") when its time <= the watermark. NULL keys and NULL times join nothing. Duplicates
/// multiply.
result<std::unique_ptr<stream_operator>> make_interval_join(const proto::Node& node,
                                                            const std::vector<operator_input>& inputs,
                                                            const operator_context& context);

}  // namespace systole
