#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes a deduplication by key; a row with a NULL in its key always passes. The input must be append-only.
///
/// Keep first without an order: the row that arrives first passes, the output is append-only, and state holds keys only
/// (with a TTL the write's time). Otherwise the output is a changelog of the first or last row by order, then by position:
/// +I, and -U +U when another row takes its place; state holds that row. Accounting: a row that is passed on is out, even
/// if it is replaced later; a row that is not is deduplicated.
///
/// TTL: an entry is absent when max(row's event time, watermark) >= last write + ttl. Counting the watermark makes results
/// independent of when entries are purged, also for rows that are later than the TTL. Only a row that passes is a write. A
/// row that comes after the TTL is +I, as in Flink: what was emitted before is not taken back. A row without event time
/// counts as at the watermark. With processing-time TTL the clock takes the place of both.
result<std::unique_ptr<stream_operator>> make_deduplicate(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                          const operator_context& context);

}  // namespace systole
