#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/batch.h"
#include "operators/accounting.h"

namespace systole {

/// Version of the envelope below (docs/format/node_state.md).
inline constexpr uint8_t chain_snapshot_version = 1;

/// What a checkpoint keeps of one node of a task besides its keyed state.
struct chain_snapshot {
  timestamp_us watermark = watermark_none;  ///< combined; what the operator saw last
  std::vector<timestamp_us> channel_watermarks;
  std::vector<bool> channel_ended;
  std::vector<bool> input_ended;
  step_accounting accounting;
  std::string operator_state;
};

std::string encode(const chain_snapshot& of);
/// `corrupt` where the bytes do not match; `incompatible` for an unknown version.
result<chain_snapshot> decode_chain_snapshot(std::string_view bytes);

/// Adds the counters up.
void add(step_accounting& to, const step_accounting& more);

}  // namespace systole
