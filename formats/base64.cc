#include "formats/base64.h"

#include <cstddef>
#include <cstdint>

namespace systole {
namespace {

constexpr char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// -1: none.
int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

char* write_base64(char* at, std::string_view bytes) {
  size_t i = 0;
  const auto byte = [&](size_t n) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[n])); };
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) *at++ = base64_digits[three >> shift & 63];
  }
  if (const size_t left = bytes.size() - i; left > 0) {
    const uint32_t rest = byte(i) << 16 | (left == 2 ? byte(i + 1) << 8 : 0);
    *at++ = base64_digits[rest >> 18 & 63];
    *at++ = base64_digits[rest >> 12 & 63];
    *at++ = left == 2 ? base64_digits[rest >> 6 & 63] : '=';
    *at++ = '=';
  }
  return at;
}

std::string to_base64(std::string_view bytes) {
  std::string made(base64_bytes(bytes.size()), '\0');
  write_base64(made.data(), bytes);
  return made;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  std::string made;
  made.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    made.push_back(static_cast<char>(bits >> held & 0xff));
  }
  return made;
}

}  // namespace systole
