#pragma once

#include <bit>
#include <cassert>
#include <compare>
#include <cstdint>

#include "data/value.h"

/// 256-bit magnitudes for the products and quotients of 38-digit decimals. Internal to data/.
namespace systole {

struct uint256 {
  uint128 high = 0;
  uint128 low = 0;
  friend constexpr auto operator<=>(const uint256&, const uint256&) = default;
};

constexpr uint256 multiply_wide(uint128 a, uint128 b) {
  constexpr uint128 mask = ~uint64_t{0};
  const uint128 a0 = a & mask, a1 = a >> 64, b0 = b & mask, b1 = b >> 64;
  const uint128 low = a0 * b0;
  const uint128 middle = a1 * b0 + (low >> 64);
  const uint128 other = a0 * b1 + (middle & mask);
  return {a1 * b1 + (middle >> 64) + (other >> 64), (other << 64) | (low & mask)};
}

/// REQUIRES: the product fits 256 bits.
constexpr uint256 multiply_wide(const uint256& a, uint128 b) {
  const uint256 low = multiply_wide(a.low, b);
  return {a.high * b + low.high, low.low};
}

constexpr uint256 add_wide(const uint256& a, const uint256& b) {
  const uint128 low = a.low + b.low;
  return {a.high + b.high + (low < a.low ? 1 : 0), low};
}

/// REQUIRES: a >= b.
constexpr uint256 subtract_wide(const uint256& a, const uint256& b) {
  return {a.high - b.high - (a.low < b.low ? 1 : 0), a.low - b.low};
}

struct wide_quotient {
  uint128 quotient = 0;
  uint128 remainder = 0;
};

/// a / b. REQUIRES: a.high < b, so that the quotient fits 128 bits.
/// Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D, with 64-bit digits.
constexpr wide_quotient divide_wide(const uint256& a, uint128 b) {
  assert(a.high < b);
  if (a.high == 0) return {a.low / b, a.low % b};
  if (b >> 64 == 0) {
    // a.high < b fits 64 bits: two steps of 128 by 64.
    const uint128 upper = a.high << 64 | a.low >> 64;
    const uint128 lower = (upper % b) << 64 | static_cast<uint64_t>(a.low);
    return {(upper / b) << 64 | lower / b, lower % b};
  }
  const int shift = std::countl_zero(static_cast<uint64_t>(b >> 64));
  const uint128 divisor = b << shift;
  const uint128 d1 = divisor >> 64, d0 = static_cast<uint64_t>(divisor);
  uint128 high = shift ? a.high << shift | a.low >> (128 - shift) : a.high;
  const uint128 low = a.low << shift;
  // One digit of the quotient from a three-digit remainder (high, next) by the two-digit divisor.
  const auto step = [&](uint64_t next) -> uint64_t {
    uint128 digit = high / d1;
    uint128 rest = high % d1;
    while (digit >> 64 || digit * d0 > (rest << 64 | next)) {
      --digit;
      rest += d1;
      if (rest >> 64) break;
    }
    high = (high << 64 | next) - digit * divisor;  // modulo 2^128: the true value is below the divisor
    return static_cast<uint64_t>(digit);
  };
  const uint128 upper = step(static_cast<uint64_t>(low >> 64));
  const uint128 lower = step(static_cast<uint64_t>(low));
  return {upper << 64 | lower, high >> shift};
}

}  // namespace systole
