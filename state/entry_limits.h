#pragma once

#include <string_view>

#include "base/result.h"

namespace systole {

/// `limit_exceeded` where a key has 64 KiB or more, or a value more than limits::state_value_bytes.
result<void> check_entry_sizes(std::string_view key, std::string_view value);

/// What a table says when a key group's entries have reached 4 GiB of memory.
failure shard_full();

}  // namespace systole
