#pragma once

#include "expr/node.h"

namespace systole {

/// num_nulls(...) and num_nonnulls(...): how many of the arguments, of any types, are NULL, or are not.
node_ptr make_null_count(std::vector<node_ptr> of, bool nulls);

}  // namespace systole
