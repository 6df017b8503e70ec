#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace systole::fuzz {

/// Fails the run, so that the input is kept.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

/// Takes choices from the front of the input, 0 where it is used up.
class fuzz_input {
 public:
  fuzz_input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto made = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return made;
  }
  bool flag() { return byte() & 1; }
  /// Up to and without the next '\n', which is taken too.
  std::string_view line() {
    const size_t end = rest_.find('\n');
    const std::string_view made = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return made;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace systole::fuzz
