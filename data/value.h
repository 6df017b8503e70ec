#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace systole {

using int128 = __int128;
using uint128 = unsigned __int128;

/// A string of a column in 16 bytes: up to 12 bytes are held inline, longer ones keep a 4-byte prefix and a pointer
/// into a buffer that the column owns (see docs/decisions/0002 for why a pointer and not Arrow's index and offset).
/// Layout after Neumann and Freitag, "Umbra" (CIDR 2020). Trivially copyable.
class text_view {
 public:
  static constexpr size_t inline_bytes = 12;

  constexpr text_view() : length_(0), inlined_{} {}
  /// Points into `text` where it is longer than 12 bytes: the caller keeps its bytes alive.
  explicit text_view(std::string_view text) : length_(static_cast<uint32_t>(text.size())), inlined_{} {
    if (text.size() <= inline_bytes) {
      if (!text.empty()) std::memcpy(inlined_, text.data(), text.size());
    } else {
      std::memcpy(inlined_, text.data(), 4);
      const char* pointer = text.data();
      std::memcpy(inlined_ + 4, &pointer, sizeof pointer);
    }
  }

  size_t size() const { return length_; }
  bool empty() const { return length_ == 0; }
  bool is_inline() const { return length_ <= inline_bytes; }
  const char* data() const {
    if (is_inline()) return inlined_;
    const char* pointer;
    std::memcpy(&pointer, inlined_ + 4, sizeof pointer);
    return pointer;
  }
  /// Valid as long as this object (inline text) and the column's buffers live.
  std::string_view view() const { return {data(), length_}; }

  friend bool operator==(const text_view& a, const text_view& b) {
    uint64_t a8, b8;
    std::memcpy(&a8, &a, 8);
    std::memcpy(&b8, &b, 8);
    if (a8 != b8) return false;
    if (a.is_inline()) return std::memcmp(a.inlined_ + 4, b.inlined_ + 4, 8) == 0;
    return std::memcmp(a.data(), b.data(), a.length_) == 0;
  }
  /// Orders by bytes, as PostgreSQL does with locale C.
  friend int compare(const text_view& a, const text_view& b) { return a.view().compare(b.view()); }

 private:
  uint32_t length_;
  char inlined_[12];
};
static_assert(sizeof(text_view) == 16);

/// PostgreSQL's interval: three parts that are not reduced to each other.
struct interval_value {
  int32_t months = 0;
  int32_t days = 0;
  int64_t micros = 0;
  friend bool operator==(const interval_value&, const interval_value&) = default;
};
static_assert(sizeof(interval_value) == 16);

}  // namespace systole
