#pragma once

#include "expr/node.h"

namespace systole {

/// a || b || ...: NULL where any is NULL. All TEXT, or all BYTEA.
node_ptr make_concatenation(std::vector<node_ptr> parts, data_type type);
/// concat(...): NULLs are left out. All TEXT.
node_ptr make_lenient_concatenation(std::vector<node_ptr> parts);
/// concat_ws(separator, ...): NULLs are left out, NULL where the separator is. All TEXT.
node_ptr make_separated_concatenation(std::vector<node_ptr> separator_and_parts);

}  // namespace systole
