#pragma once

#include <string_view>

#include "expr/node.h"

namespace systole {

/// Converts a node's values to another type; the pair must be one of coercion_level's. NUMERIC(p,s) rounds and checks.
/// Constants are folded. The same type gives the node itself.
node_ptr make_cast(node_ptr from, data_type to);
/// Cuts texts to `characters`, as an explicit cast to varchar(n) does.
node_ptr make_length_cut(node_ptr from, int characters);
/// TRUE as 't', the way concat() and format functions show it; other types as their cast to text.
node_ptr make_output_text(node_ptr from);

/// Reads one constant by the type's input function: a column of one row, or why not.
struct constant_read {
  column_ptr value;
  const row_failure* problem = nullptr;
};
constant_read read_constant(std::string_view text, data_type type);

}  // namespace systole
