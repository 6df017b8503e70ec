#pragma once

#include <string>
#include <string_view>

namespace systole {

inline constexpr char hex_digits[] = "0123456789abcdef";

/// Appends two lower-case digits per byte.
inline void append_hex(std::string& out, std::string_view bytes) {
  for (const char byte : bytes) {
    out += hex_digits[static_cast<unsigned char>(byte) >> 4];
    out += hex_digits[static_cast<unsigned char>(byte) & 15];
  }
}

}  // namespace systole
