#pragma once

#include <memory>

#include "operators/join/join_columns.h"
#include "operators/join/table_side.h"
#include "operators/operator.h"

namespace systole {

/// Makes the table join of a stream that has an upsert key with a table that changes: what was emitted for each key is kept,
/// so that it is taken back exactly, whatever the table holds by then. With `reemit` a change of the table's row makes the
/// results of the stream's rows anew. Called by make_table_join, which has bound everything.
result<std::unique_ptr<stream_operator>> make_changing_table_join(const proto::Node& node, const join_input& stream,
                                                                  const operator_context& context, join_columns columns,
                                                                  join_keys stream_keys, table_side table);

}  // namespace systole
