#include "state/tables/entry_limits.h"

#include <string>

namespace systole {

failure entry_too_large(std::string_view key, std::string_view value) {
  const bool is_key = key.size() >= limits::state_key_bytes;
  return fail(error_code::limit_exceeded,
              is_key ? "a state key has " + std::to_string(key.size()) + " bytes; less than " +
                           std::to_string(limits::state_key_bytes) + " are allowed"
                     : "a state value has " + std::to_string(value.size()) + " bytes; at most " +
                           std::to_string(limits::state_value_bytes) + " are allowed");
}

failure shard_full() {
  return fail(error_code::limit_exceeded,
              "a key group's entries of one state table reached 4 GiB: raise maxParallelism, or give the step a TTL");
}

}  // namespace systole
