#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes the join of a stream (input 0) with the current rows of a keyed table (input 1, read to its end first and
/// broadcast: every subtask holds the whole table).
result<std::unique_ptr<stream_operator>> make_table_join(const proto::Node& node,
                                                         const std::vector<operator_input>& inputs,
                                                         const operator_context& context);

}  // namespace systole
