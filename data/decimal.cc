#include "data/decimal.h"

#include <algorithm>
#include <array>

#include "data/decimal_range.h"
#include "data/wide_integer.h"

namespace systole {
namespace {

using decimal_range::most_digits;
using decimal_range::too_large;

constexpr std::array<int128, most_digits + 1> powers = [] {
  std::array<int128, most_digits + 1> table{};
  table[0] = 1;
  for (int i = 1; i <= most_digits; ++i) table[static_cast<size_t>(i)] = table[static_cast<size_t>(i) - 1] * 10;
  return table;
}();

uint128 power(int n) { return static_cast<uint128>(powers[static_cast<size_t>(n)]); }

uint128 magnitude(int128 value) { return value < 0 ? -static_cast<uint128>(value) : static_cast<uint128>(value); }

int128 with_sign(uint128 value, bool negative) {
  return negative ? -static_cast<int128>(value) : static_cast<int128>(value);
}

failure zero_divisor() { return fail(error_code::data, "division by zero", "22012"); }

/// Decimal digits of a value that is not 0.
int count_digits(uint128 value) {
  // 1233/4096 is a little more than log10(2).
  const auto high = static_cast<uint64_t>(value >> 64);
  const int bits = high ? 128 - std::countl_zero(high) : 64 - std::countl_zero(static_cast<uint64_t>(value) | 1);
  const int guess = bits * 1233 >> 12;
  return guess + (guess <= most_digits && value >= power(guess) ? 1 : 0);
}

/// Divides by a positive divisor, rounding half away from zero.
uint128 divide_rounded(uint128 value, uint128 divisor) {
  const uint128 quotient = value / divisor;
  return quotient + (value % divisor >= divisor - divisor / 2 ? 1 : 0);
}

/// The decimal of a magnitude at a scale of up to 76: zeros at the end of the fraction go where 38 digits or a scale of
/// 38 do not hold them; 22003 where that is not enough.
result<decimal> narrow(uint256 value, int scale, bool negative) {
  while (value.high != 0 || value.low >= power(most_digits) || scale > most_digits) {
    if (scale == 0) return too_large();
    // value / 10: the high half first, its remainder in front of the low half.
    const wide_quotient low = divide_wide({value.high % 10, value.low}, 10);
    if (low.remainder != 0) return too_large();
    value = {value.high / 10, low.quotient};
    --scale;
  }
  return decimal{with_sign(value.low, negative), static_cast<uint8_t>(scale)};
}

/// a * 10^by, exactly.
uint256 scaled_up(int128 a, int by) { return multiply_wide(magnitude(a), power(by)); }

/// Sums of operands that need more than 128 bits on the way.
result<decimal> add_wide_scales(decimal a, decimal b) {
  const uint8_t scale = std::max(a.scale, b.scale);
  const uint256 left = scaled_up(a.unscaled, scale - a.scale);
  const uint256 right = scaled_up(b.unscaled, scale - b.scale);
  const bool left_negative = a.unscaled < 0, right_negative = b.unscaled < 0;
  if (left_negative == right_negative) return narrow(add_wide(left, right), scale, left_negative);
  if (left >= right) return narrow(subtract_wide(left, right), scale, left_negative);
  return narrow(subtract_wide(right, left), scale, right_negative);
}

/// The weight and value of the first digit of PostgreSQL's base-10000 representation; 0 and 0 for zero.
struct leading_digit {
  int weight = 0;
  int digit = 0;
};

leading_digit leading_of(uint128 value, int scale) {
  if (value == 0) return {};
  const int exponent = count_digits(value) - 1 - scale;  // value = d.ddd * 10^exponent
  const int weight = exponent >= 0 ? exponent / 4 : -((3 - exponent) / 4);
  const int places = weight * 4 + scale;  // digits of `value` below that group
  const uint128 digit = places >= 0 ? value / power(places) : value * power(-places);
  return {weight, static_cast<int>(digit)};
}

/// PostgreSQL's select_div_scale.
int division_scale(decimal a, decimal b) {
  constexpr int significant_digits = 16, digits_per_group = 4;
  const leading_digit first = leading_of(magnitude(a.unscaled), a.scale);
  const leading_digit second = leading_of(magnitude(b.unscaled), b.scale);
  int weight = first.weight - second.weight;
  if (first.digit <= second.digit) --weight;
  return std::max({significant_digits - weight * digits_per_group, int{a.scale}, int{b.scale}, 0});
}

}  // namespace

int128 power_of_ten(int n) {
  assert(n >= 0 && n <= most_digits);
  return powers[static_cast<size_t>(n)];
}

bool fits_digits(int128 unscaled, int digits) { return magnitude(unscaled) < power(digits); }

result<decimal> rescale(decimal value, uint8_t scale) {
  if (scale == value.scale) return value;
  if (scale > most_digits) return too_large();
  const bool negative = value.unscaled < 0;
  const uint128 from = magnitude(value.unscaled);
  if (scale < value.scale) return decimal{with_sign(divide_rounded(from, power(value.scale - scale)), negative), scale};
  const int by = scale - value.scale;
  if (from >= power(most_digits - by)) return too_large();
  return decimal{with_sign(from * power(by), negative), scale};
}

result<decimal> fit(decimal value, uint8_t precision, uint8_t scale) {
  SYSTOLE_ASSIGN(const decimal made, rescale(value, scale));
  if (!fits_digits(made.unscaled, precision)) {
    return fail(error_code::data,
                "numeric field overflow: NUMERIC(" + std::to_string(precision) + "," + std::to_string(scale) + ")",
                "22003");
  }
  return made;
}

result<decimal> add(decimal a, decimal b) {
  if (a.scale == b.scale) {
    int128 sum = 0;  // 2 * 10^38 is more than an int128 holds
    if (!__builtin_add_overflow(a.unscaled, b.unscaled, &sum) && fits_digits(sum, most_digits)) return decimal{sum, a.scale};
  } else {
    decimal& coarse = a.scale < b.scale ? a : b;
    const uint8_t scale = std::max(a.scale, b.scale);
    const int by = scale - coarse.scale;
    if (fits_digits(coarse.unscaled, most_digits - by)) {
      const int128 left = a.unscaled * powers[static_cast<size_t>(scale - a.scale)];
      const int128 right = b.unscaled * powers[static_cast<size_t>(scale - b.scale)];
      int128 sum = 0;
      if (!__builtin_add_overflow(left, right, &sum) && fits_digits(sum, most_digits)) return decimal{sum, scale};
    }
  }
  return add_wide_scales(a, b);
}

result<decimal> subtract(decimal a, decimal b) { return add(a, {-b.unscaled, b.scale}); }

result<decimal> multiply(decimal a, decimal b) {
  const int scale = a.scale + b.scale;
  if (a.unscaled == static_cast<int64_t>(a.unscaled) && b.unscaled == static_cast<int64_t>(b.unscaled)) {
    const int128 product = a.unscaled * b.unscaled;
    if (scale <= most_digits) [[likely]]
      return decimal{product, static_cast<uint8_t>(scale)};  // below 2^126 < 10^38
  }
  return narrow(multiply_wide(magnitude(a.unscaled), magnitude(b.unscaled)), scale,
                (a.unscaled < 0) != (b.unscaled < 0));
}

result<decimal> divide(decimal a, decimal b) {
  if (b.unscaled == 0) return zero_divisor();
  int scale = std::min(division_scale(a, b), most_digits);
  if (a.unscaled == 0) return decimal{0, static_cast<uint8_t>(scale)};
  const uint128 left = magnitude(a.unscaled), right = magnitude(b.unscaled);
  const int left_digits = count_digits(left), right_digits = count_digits(right);
  // |a / b| < 10^whole; with the same number of digits on both sides, left < right makes it a digit shorter.
  const bool shorter = left * power(most_digits - left_digits) < right * power(most_digits - right_digits);
  const int whole = (left_digits - a.scale) - (right_digits - b.scale) + (shorter ? 0 : 1);
  scale = std::min(scale, most_digits - whole);
  if (scale < 0) return too_large();
  const bool negative = (a.unscaled < 0) != (b.unscaled < 0);
  // The quotient is below 10^38, so the numerator is below 10^38 times the denominator: it fits.
  const int by = scale - a.scale + b.scale;
  const uint128 denominator = by < 0 ? right * power(-by) : right;
  uint256 numerator = multiply_wide(left, power(std::clamp(by, 0, most_digits)));
  if (by > most_digits) numerator = multiply_wide(numerator, power(by - most_digits));
  const wide_quotient divided = divide_wide(numerator, denominator);
  const uint128 quotient = divided.quotient + (divided.remainder >= denominator - denominator / 2 ? 1 : 0);
  if (quotient < power(most_digits)) return decimal{with_sign(quotient, negative), static_cast<uint8_t>(scale)};
  return narrow({0, quotient}, scale, negative);  // rounded up to 10^38
}

result<decimal> modulo(decimal a, decimal b) {
  if (b.unscaled == 0) return zero_divisor();
  const bool negative = a.unscaled < 0;
  uint128 left = magnitude(a.unscaled), right = magnitude(b.unscaled);
  if (a.scale < b.scale) {
    left = divide_wide(multiply_wide(left % right, power(b.scale - a.scale)), right).remainder;
  } else if (const int by = a.scale - b.scale; right < power(most_digits - by)) {
    left %= right * power(by);
  }  // else |a| < 10^38 <= |b|
  return decimal{with_sign(left, negative), std::max(a.scale, b.scale)};
}

int compare(decimal a, decimal b) {
  if (a.scale == b.scale) return a.unscaled < b.unscaled ? -1 : a.unscaled > b.unscaled;
  const bool negative = a.unscaled < 0;
  if (negative != (b.unscaled < 0)) return negative ? -1 : 1;
  const uint8_t scale = std::max(a.scale, b.scale);
  const uint256 left = scaled_up(a.unscaled, scale - a.scale), right = scaled_up(b.unscaled, scale - b.scale);
  if (left == right) return 0;
  return (left < right) != negative ? -1 : 1;
}

}  // namespace systole
