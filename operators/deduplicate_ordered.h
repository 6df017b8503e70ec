#pragma once

#include <memory>
#include <vector>

#include "operators/order_key.h"
#include "operators/time_to_live.h"

namespace systole {

/// A deduplication that keeps a row per key: the first or last by order, then by position.
struct ordered_deduplication {
  std::vector<expression_ptr> key;
  order_key order;
  time_to_live ttl;
  bool keep_last = false;
  bool omit_update_before = false;
  schema columns;
};

/// Makes the changelog form of deduplicate (see deduplicate.h). State: key -> [written:i64 with a TTL], order key with its
/// varint length, the row.
std::unique_ptr<stream_operator> make_deduplicate_ordered(ordered_deduplication step, const operator_context& context);

}  // namespace systole
