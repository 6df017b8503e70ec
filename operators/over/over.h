#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes the window functions of SQL (OVER): per partition, ordered by expressions and then by position. Output is a
/// changelog with one row per input row; a late or retracted row corrects the neighbours whose results changed.
result<std::unique_ptr<stream_operator>> make_over(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                   const operator_context& context);

}  // namespace systole
