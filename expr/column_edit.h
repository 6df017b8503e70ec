#pragma once

#include <vector>

#include "data/column.h"
#include "expr/evaluation.h"

namespace systole {

/// `size` rows of the one value of `value`.
column_ptr fill_column(const column& value, size_t size);
/// The same column with the given rows NULL.
column_ptr with_nulls(const column_ptr& values, const std::vector<evaluation::failed_row>& rows);
/// The same values under another type of the same width (NUMERIC(p,s) values as plain NUMERIC get their scales).
column_ptr retype(const column_ptr& values, data_type type);
/// Writes `builder`'s validity as the AND of the operands' over [0, size); true where any row may be null.
struct operand;
bool merge_validity(column_builder& builder, const operand* operands, size_t count, size_t size);
/// Zeroes a builder's values, so that rows which are not written are initialised.
void clear_values(column_builder& builder, size_t size);

}  // namespace systole
