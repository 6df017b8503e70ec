#pragma once

#include <string_view>

#include "expr/bind/parse.h"
#include "expr/bind/pg_tree.pb.h"

namespace systole {

/// Turns libpg_query's tree into a syntax tree; all that is not supported is an error with its place.
/// `shift` bytes come before `sql` in the text that was parsed.
parse_outcome read_tree(const pg_tree::node& root, std::string_view sql, size_t shift);

}  // namespace systole
