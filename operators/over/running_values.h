#pragma once

#include "operators/over/over_calls.h"

namespace systole {

// Running values over partitions: the value of row i from the value of the row before it (among those that are there
// after the change) and the argument of row i. Where rows.recompute[i] is 0 the stored value holds. All columns have
// rows.size() rows.

/// Rows so far, or those with an argument that is not NULL.
column_ptr running_count(const over_rows& rows, const column* argument, const column& stored);
/// The argument of the partition's first row, NULL or not.
column_ptr running_first(const over_rows& rows, const column& argument, const column& stored);
/// The largest or smallest argument so far, in PostgreSQL's order; NULLs are left out.
column_ptr running_extreme(const over_rows& rows, const column& argument, const column& stored, bool max);

struct running_sums {
  column_ptr values;
  column_ptr out_of_range;  ///< BOOLEAN: TRUE from the first row on whose sum does not fit its type
};
/// The sum so far, NULL while there was no argument but NULLs. `stored` has the type of the sum.
running_sums running_sum(const over_rows& rows, const column& argument, const column& stored, const column& overflowed);

}  // namespace systole
