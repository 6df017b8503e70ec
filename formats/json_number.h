#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace systole {

/// What a JSON token that should be a number is (RFC 8259 section 6).
enum class json_number_kind : uint8_t { malformed, integer, fractional };

/// Checks the whole token against the grammar, byte by byte.
json_number_kind classify_json_number(std::string_view token);

/// True for one to eight ASCII digits without a leading zero (but "0" alone): most integers of real events. Reads eight
/// bytes from `token`, whatever its length: REQUIRES that they are readable.
inline bool is_short_integer(const char* token, size_t length, uint64_t& digits) {
  if (length - 1 > 7) return false;
  uint64_t bytes;
  std::memcpy(&bytes, token, 8);
  if (length > 1 && static_cast<char>(bytes) == '0') return false;
  // Shifts the token to the upper end and fills the lower end with '0's, so that it reads as eight digits.
  const unsigned fill_bits = static_cast<unsigned>(64 - 8 * length);
  if (fill_bits) bytes = bytes << fill_bits | 0x3030303030303030ull >> (64 - fill_bits);
  digits = bytes;
  return (bytes & 0xf0f0f0f0f0f0f0f0ull) == 0x3030303030303030ull &&
         ((bytes + 0x0606060606060606ull) & 0xf0f0f0f0f0f0f0f0ull) == 0x3030303030303030ull;
}

/// The value of eight ASCII digits (Johnny Lee's method, "Fast numeric string to int", 2016).
inline uint32_t eight_digits(uint64_t digits) {
  digits = (digits & 0x0f0f0f0f0f0f0f0full) * 2561 >> 8;
  digits = (digits & 0x00ff00ff00ff00ffull) * 6553601 >> 16;
  return static_cast<uint32_t>((digits & 0x0000ffff0000ffffull) * 42949672960001ull >> 32);
}

/// Parses an integer literal that classify_json_number called `integer`; false beyond int64.
bool parse_json_integer(std::string_view token, int64_t& value);
/// Parses a JSON number, or plain decimal text with sign and exponent, correctly rounded; false where it is no number
/// or overflows.
bool parse_double(std::string_view token, double& value);

}  // namespace systole
