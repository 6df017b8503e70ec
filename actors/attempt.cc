#include "actors/attempt.h"

#include <random>
#include <utility>

#include "base/hexadecimal.h"

namespace systole {

void attempt_end::set(attempt_result how) {
  const std::lock_guard lock(mutex_);
  if (!result_) result_ = std::move(how);
  changed_.notify_all();
}

std::optional<attempt_result> attempt_end::wait_for(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, wait, [this] { return result_.has_value(); });
  return result_;
}

std::string make_uuid() {
  std::random_device source;
  std::string made;
  for (int i = 0; i < 4; ++i)
    for (uint32_t word = source(), j = 0; j < 8; ++j, word >>= 4) made.push_back(hex_digits[word & 15]);
  return made;
}

}  // namespace systole
