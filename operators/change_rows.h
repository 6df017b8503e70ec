#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/batch.h"

namespace systole {

/// 1 where a row of `before` and the same row of `after` differ in any column. NULL equals NULL; 1.0 differs from 1.00, so
/// that a retraction is always the very row that was given. Columns have equal types and sizes.
std::vector<uint8_t> rows_differ(std::span<const column_ptr> before, std::span<const column_ptr> after);

/// Results of groups before and after a change: same columns, row i of both is group i. `has` tells which are there; empty
/// means all of them.
struct change_sides {
  std::span<const column_ptr> before;
  std::span<const uint8_t> has_before;
  std::span<const column_ptr> after;
  std::span<const uint8_t> has_after;
  size_t rows = 0;
};

/// The changelog that leads from before to after, in row order: +I, -U +U (adjacent), or -D; nothing where both are equal.
/// With `omit_update_before` -U is left out. REQUIRES: the result columns hold only visible values; it has kinds and no
/// other hidden column.
batch make_changes(const change_sides& sides, bool omit_update_before);

}  // namespace systole
