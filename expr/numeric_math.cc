#include "expr/numeric_math.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/limits.h"
#include "data/wide_integer.h"

namespace systole {
namespace {

constexpr int significant_digits = 16;  // NUMERIC_MIN_SIG_DIGITS

failure too_large() { return fail(error_code::data, "numeric out of range", "22003"); }

long double to_long_double(decimal value) {
  return static_cast<long double>(value.unscaled) / powl(10.0L, static_cast<long double>(value.scale));
}

/// The value at a scale, or as many digits of it as 38 allow.
result<decimal> from_long_double(long double value, int scale) {
  if (!std::isfinite(value)) return too_large();
  scale = std::clamp(scale, 0, limits::numeric_digits);
  for (; scale >= 0; --scale) {
    const long double scaled = value * powl(10.0L, static_cast<long double>(scale));
    if (std::fabs(scaled) < 1e38L) return decimal{static_cast<int128>(roundl(scaled)), static_cast<uint8_t>(scale)};
  }
  return too_large();
}

int digit_count(int128 value) {
  int count = 0;
  for (; value != 0; value /= 10) ++count;
  return count;
}

/// The weight of the first group of four digits, and that group, as PostgreSQL stores them.
struct first_group {
  int weight = 0;
  double leading = 0;  ///< the value of the first group
};
first_group first_group_of(decimal value) {
  const int exponent = digit_count(value.unscaled) - 1 - value.scale;
  first_group made;
  made.weight = exponent >= 0 ? exponent / 4 : -((-exponent + 3) / 4);
  made.leading =
      std::floor(static_cast<double>(fabsl(to_long_double(value)) / powl(10.0L, made.weight * 4.0L)) + 1e-12);
  return made;
}

int estimate_logarithm_weight(decimal value) {
  const long double x = to_long_double(value);
  if (x >= 0.9L && x <= 1.1L) {
    const result<decimal> difference = subtract(value, {1, 0});
    if (!difference || difference->unscaled == 0) return 0;
    const first_group group = first_group_of(*difference);
    return group.weight * 4 + static_cast<int>(std::log10(group.leading));
  }
  return static_cast<int>(log10l(fabsl(logl(x))));
}

int at_least(int scale, std::initializer_list<int> others) {
  for (const int other : others) scale = std::max(scale, other);
  return std::max(scale, 0);
}

/// Rescales to `scale`, or to the largest scale that fits.
result<decimal> rescale_down(decimal value, int scale) {
  for (scale = std::min(scale, limits::numeric_digits); scale > value.scale; --scale)
    if (result<decimal> made = rescale(value, static_cast<uint8_t>(scale))) return made;
  return rescale(value, static_cast<uint8_t>(std::max(scale, 0)));
}

/// A magnitude of up to 38 significant digits with any scale.
struct floating {
  uint128 digits = 0;
  int scale = 0;
};

/// The product, rounded to 38 significant digits.
floating multiply_rounded(floating a, floating b) {
  uint256 product = multiply_wide(a.digits, b.digits);
  int scale = a.scale + b.scale;
  const auto limit = static_cast<uint128>(power_of_ten(limits::numeric_digits));
  uint128 rest = 0;
  while (product.high != 0 || product.low >= limit) {
    const uint128 high = product.high / 10, high_rest = product.high % 10;
    const wide_quotient low = divide_wide({high_rest, product.low}, 10);
    product = {high, low.quotient};
    rest = low.remainder;
    --scale;
  }
  return {product.low + (rest >= 5 ? 1 : 0), scale};
}

/// base^exponent with 38 digits at every step: exact where the result has no more.
result<decimal> whole_power(decimal base, int exponent, int scale) {
  floating square{static_cast<uint128>(base.unscaled < 0 ? -base.unscaled : base.unscaled), base.scale}, made{1, 0};
  for (int rest = exponent; rest > 0; rest /= 2) {
    if (rest % 2 == 1) made = multiply_rounded(made, square);
    if (rest > 1) square = multiply_rounded(square, square);
  }
  const bool negative = base.unscaled < 0 && exponent % 2 == 1;
  while (made.scale > scale) {
    const int by = std::min(made.scale - scale, limits::numeric_digits);
    const auto unit = static_cast<uint128>(power_of_ten(by));
    made = {made.digits / unit + (made.digits % unit >= unit - made.digits % unit ? 1 : 0), made.scale - by};
  }
  while (made.scale < 0) {
    if (made.digits >= static_cast<uint128>(power_of_ten(limits::numeric_digits - 1))) return too_large();
    made = {made.digits * 10, made.scale + 1};
  }
  if (made.digits >= static_cast<uint128>(power_of_ten(limits::numeric_digits))) return too_large();
  const auto unscaled = static_cast<int128>(made.digits);
  return rescale_down({negative ? -unscaled : unscaled, static_cast<uint8_t>(made.scale)}, scale);
}

}  // namespace

result<decimal> round_to(decimal value, int32_t scale) {
  if (scale >= 0) {
    if (scale <= limits::numeric_digits) return rescale(value, static_cast<uint8_t>(scale));
    return too_large();
  }
  // Before the point: round at the digit, then fill with zeros.
  const int drop = value.scale - std::max(scale, -limits::numeric_digits - 1);
  if (drop > limits::numeric_digits) return decimal{0, 0};
  const int128 unit = power_of_ten(drop);
  const int128 quotient = value.unscaled / unit, rest = value.unscaled % unit;
  const int128 rounded =
      quotient + ((rest < 0 ? -rest : rest) >= unit - (rest < 0 ? -rest : rest) ? (value.unscaled < 0 ? -1 : 1) : 0);
  return multiply({rounded, 0}, {power_of_ten(std::min(-scale, limits::numeric_digits)), 0});
}

result<decimal> truncate_to(decimal value, int32_t scale) {
  if (scale >= value.scale) return round_to(value, scale);
  const int drop = value.scale - std::max(scale, -limits::numeric_digits - 1);
  if (drop > limits::numeric_digits) return decimal{0, 0};
  const int128 quotient = value.unscaled / power_of_ten(drop);
  if (scale >= 0) return decimal{quotient, static_cast<uint8_t>(scale)};
  return multiply({quotient, 0}, {power_of_ten(-scale), 0});
}

result<decimal> ceiling(decimal value) {
  SYSTOLE_ASSIGN(const decimal whole, truncate_to(value, 0));
  return value.unscaled > 0 && compare(whole, value) != 0 ? add(whole, {1, 0}) : result<decimal>(whole);
}

result<decimal> flooring(decimal value) {
  SYSTOLE_ASSIGN(const decimal whole, truncate_to(value, 0));
  return value.unscaled < 0 && compare(whole, value) != 0 ? subtract(whole, {1, 0}) : result<decimal>(whole);
}

result<decimal> whole_quotient(decimal a, decimal b) {
  // a - a % b divides without a rest.
  SYSTOLE_ASSIGN(const decimal rest, modulo(a, b));
  SYSTOLE_ASSIGN(const decimal even, subtract(a, rest));
  SYSTOLE_ASSIGN(const decimal quotient, divide(even, b));
  return rescale(quotient, 0);
}

result<decimal> square_root(decimal value) {
  const int weight = value.unscaled == 0 ? 0 : first_group_of(value).weight;
  const int root_weight = weight >= 0 ? weight * 4 / 2 + 1 : 1 - (-weight * 4 - 1) / 2 - 1;
  int scale = std::min(at_least(significant_digits - root_weight, {value.scale}), limits::numeric_digits);
  if (value.unscaled == 0) return decimal{0, static_cast<uint8_t>(scale)};
  // floor(sqrt(unscaled * 10^(2 scale - value.scale))) by Newton's correction of a good guess, then rounding.
  const long double guess = sqrtl(to_long_double(value)) * powl(10.0L, static_cast<long double>(scale));
  if (guess >= 1e37L) return from_long_double(sqrtl(to_long_double(value)), scale);
  const int shift = 2 * scale - value.scale;
  if (shift < 0 || shift > limits::numeric_digits) return from_long_double(sqrtl(to_long_double(value)), scale);
  const uint256 wanted = multiply_wide(static_cast<uint128>(value.unscaled), static_cast<uint128>(power_of_ten(shift)));
  auto root = static_cast<uint128>(guess);
  while (multiply_wide(root, root) > wanted) --root;
  while (multiply_wide(root + 1, root + 1) <= wanted) ++root;
  // Up where wanted >= (root + 1/2)^2, which is root^2 + root + 1/4: integers decide without the quarter.
  const uint256 half = multiply_wide(root, root + 1);
  if (wanted > half) ++root;
  return decimal{static_cast<int128>(root), static_cast<uint8_t>(scale)};
}

result<decimal> natural_logarithm(decimal value) {
  const int scale = at_least(significant_digits - estimate_logarithm_weight(value), {value.scale});
  const long double x = to_long_double(value);
  if (x > 0.9L && x < 1.1L) {
    SYSTOLE_ASSIGN(const decimal difference, subtract(value, {1, 0}));
    return from_long_double(log1pl(to_long_double(difference)), scale);
  }
  return from_long_double(logl(x), scale);
}

result<decimal> logarithm(decimal base, decimal value) {
  const int weight = estimate_logarithm_weight(value) - estimate_logarithm_weight(base);
  const int scale = at_least(significant_digits - weight, {base.scale, value.scale});
  const bool ten = base.unscaled == 10 && base.scale == 0;
  const long double x = to_long_double(value);
  return from_long_double(ten ? log10l(x) : logl(x) / logl(to_long_double(base)), scale);
}

result<decimal> exponential(decimal value) {
  const long double x = to_long_double(value);
  if (x > 1e4L) return too_large();
  const int weight = static_cast<int>(std::clamp(static_cast<double>(x) * 0.434294481903252, -2000.0, 2000.0));
  return from_long_double(expl(x), at_least(significant_digits - weight, {value.scale}));
}

result<decimal> power(decimal base, decimal exponent) {
  SYSTOLE_ASSIGN(const decimal whole, truncate_to(exponent, 0));
  const bool is_whole = compare(whole, exponent) == 0;
  const long double x = to_long_double(base), y = to_long_double(exponent);
  if (base.unscaled == 0)
    return decimal{exponent.unscaled == 0 ? power_of_ten(significant_digits) : 0, significant_digits};
  const double weight = static_cast<double>(y * log10l(fabsl(x)));
  if (weight > limits::numeric_digits) return too_large();
  const int estimate = static_cast<int>(std::clamp(weight, -2000.0, 2000.0));
  // With a whole exponent PostgreSQL takes the least scale, else as many digits as are significant.
  const int scale = is_whole ? at_least(significant_digits, {base.scale})
                             : at_least(significant_digits - estimate, {base.scale, exponent.scale});
  constexpr int most = 1 << 20;
  if (is_whole && whole.unscaled >= 0 && whole.unscaled <= most)
    return whole_power(base, static_cast<int>(whole.unscaled), scale);
  const bool odd = is_whole && whole.unscaled % 2 != 0;
  const long double magnitude = powl(fabsl(x), y);
  return from_long_double(x < 0 && odd ? -magnitude : magnitude, scale);
}

}  // namespace systole
