#pragma once

#include <string_view>

#include "base/limits.h"
#include "base/result.h"

namespace systole {

/// What check_entry_sizes() says of sizes that are too large.
failure entry_too_large(std::string_view key, std::string_view value);
/// `limit_exceeded` where a key has 64 KiB or more, or a value more than limits::state_value_bytes.
inline result<void> check_entry_sizes(std::string_view key, std::string_view value) {
  if (key.size() < limits::state_key_bytes && value.size() <= limits::state_value_bytes) [[likely]] return {};
  return entry_too_large(key, value);
}

/// What a table says when a key group's entries have reached 4 GiB of memory.
failure shard_full();

}  // namespace systole
