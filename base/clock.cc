#include "base/clock.h"

namespace systole {
namespace {

class operating_system_clock final : public clock {
 public:
  timestamp_us now_us() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::chrono::nanoseconds monotonic() const override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
};

}  // namespace

const clock& system_clock() {
  static const operating_system_clock instance;
  return instance;
}

}  // namespace systole
