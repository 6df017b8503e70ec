#pragma once

#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <string_view>

namespace systole {

/// XXH3-64 of bytes that come piece by piece.
class running_hash {
 public:
  running_hash() : state_(XXH3_createState(), [](XXH3_state_t* state) { XXH3_freeState(state); }) { reset(); }
  void reset() { XXH3_64bits_reset(state_.get()); }
  void add(std::string_view bytes) { XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()); }
  uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  std::unique_ptr<XXH3_state_t, void (*)(XXH3_state_t*)> state_;
};

}  // namespace systole
