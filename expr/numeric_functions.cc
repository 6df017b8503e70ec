#include <cmath>

#include "expr/functions.h"
#include "expr/numeric_math.h"
#include "expr/row_kernel.h"

namespace systole {
namespace {

constexpr row_failure bad_logarithm{"2201E", "cannot take logarithm of zero or of a negative number"};
constexpr row_failure bad_root{"2201F", "cannot take square root of a negative number"};
constexpr row_failure bad_power{"2201F", "zero or a negative number raised to this power is undefined"};

using double_out = row_writer<double>;
using decimal_out = row_writer<decimal>;

/// Sets a double as PostgreSQL's float functions check it.
void set_checked(double_out& out, double value, double from) {
  if (std::isinf(value) && !std::isinf(from)) return out.fail(failures::float_overflow);
  out.set(value);
}

void round_double(double_out& out, double a) { out.set(std::rint(a)); }
void trunc_double(double_out& out, double a) { out.set(std::trunc(a)); }
void ceil_double(double_out& out, double a) { out.set(std::ceil(a)); }
void floor_double(double_out& out, double a) { out.set(std::floor(a)); }
void sign_double(double_out& out, double a) { out.set(a > 0 ? 1 : a < 0 ? -1 : 0); }
void sqrt_double(double_out& out, double a) { a < 0 ? out.fail(bad_root) : out.set(std::sqrt(a)); }
void cbrt_double(double_out& out, double a) { out.set(std::cbrt(a)); }
void exp_double(double_out& out, double a) {
  const double value = std::exp(a);
  if (value == 0 && !std::isinf(a)) return out.fail(failures::float_underflow);
  set_checked(out, value, a);
}
void ln_double(double_out& out, double a) { a <= 0 ? out.fail(bad_logarithm) : out.set(std::log(a)); }
void log10_double(double_out& out, double a) { a <= 0 ? out.fail(bad_logarithm) : out.set(std::log10(a)); }
void power_double(double_out& out, double a, double b) {
  if (std::isnan(a)) return out.set(b == 0 ? 1 : a);
  if (std::isnan(b)) return out.set(a == 1 ? 1 : b);
  if ((a == 0 && b < 0) || (a < 0 && std::floor(b) != b)) return out.fail(bad_power);
  const double value = std::pow(a, b);
  if (std::isinf(value) && !std::isinf(a) && !std::isinf(b)) return out.fail(failures::float_overflow);
  if (value == 0 && a != 0 && !std::isinf(a) && !std::isinf(b)) return out.fail(failures::float_underflow);
  out.set(value);
}

// NUMERIC: rounding is half away from zero.

/// Rounds to `scale` digits after the point; a negative scale rounds before it.
void round_decimal_to(decimal_out& out, decimal a, int32_t scale) { out.set(round_to(a, scale)); }
void round_decimal(decimal_out& out, decimal a) { out.set(rescale(a, 0)); }
void trunc_decimal_to(decimal_out& out, decimal a, int32_t scale) { out.set(truncate_to(a, scale)); }
void trunc_decimal(decimal_out& out, decimal a) { out.set(truncate_to(a, 0)); }
void ceil_decimal(decimal_out& out, decimal a) { out.set(ceiling(a)); }
void floor_decimal(decimal_out& out, decimal a) { out.set(flooring(a)); }
void sign_decimal(decimal_out& out, decimal a) { out.set(decimal{a.unscaled > 0 ? 1 : a.unscaled < 0 ? -1 : 0, 0}); }
void div_decimals(decimal_out& out, decimal a, decimal b) { out.set(whole_quotient(a, b)); }
void sqrt_decimal(decimal_out& out, decimal a) { a.unscaled < 0 ? out.fail(bad_root) : out.set(square_root(a)); }
void ln_decimal(decimal_out& out, decimal a) {
  a.unscaled <= 0 ? out.fail(bad_logarithm) : out.set(natural_logarithm(a));
}
void log10_decimal(decimal_out& out, decimal a) {
  a.unscaled <= 0 ? out.fail(bad_logarithm) : out.set(logarithm({10, 0}, a));
}
void log_decimals(decimal_out& out, decimal base, decimal a) {
  if (base.unscaled <= 0 || a.unscaled <= 0) return out.fail(bad_logarithm);
  if (compare(base, {1, 0}) == 0) return out.fail(failures::division_by_zero);
  out.set(logarithm(base, a));
}
void exp_decimal(decimal_out& out, decimal a) { out.set(exponential(a)); }
void power_decimals(decimal_out& out, decimal a, decimal b) {
  const bool whole = truncate_to(b, 0).has_value() && compare(*truncate_to(b, 0), b) == 0;
  if ((a.unscaled == 0 && b.unscaled < 0) || (a.unscaled < 0 && !whole)) return out.fail(bad_power);
  out.set(power(a, b));
}

template <class T>
void greatest_divisor(row_writer<T>& out, T a, T b) {
  using wide = int128;
  wide x = a < 0 ? -static_cast<wide>(a) : a, y = b < 0 ? -static_cast<wide>(b) : b;
  while (y != 0) {
    const wide rest = x % y;
    x = y;
    y = rest;
  }
  if (x != static_cast<T>(x)) return out.fail(sizeof(T) == 4 ? failures::integer_range : failures::bigint_range);
  out.set(static_cast<T>(x));
}

void trim_scale(decimal_out& out, decimal a) {
  while (a.scale > 0 && a.unscaled % 10 == 0) a = {a.unscaled / 10, static_cast<uint8_t>(a.scale - 1)};
  out.set(a);
}
void scale_of(row_writer<int32_t>& out, decimal a) { out.set(a.scale); }

}  // namespace

void add_numeric_functions(std::vector<function_entry>& table) {
  using enum type_id;
  table.push_back({"round", {float64}, float64, row_kernel<&round_double>});
  table.push_back({"round", {numeric}, numeric, row_kernel<&round_decimal>, fallible});
  table.push_back({"round", {numeric, int32}, numeric, row_kernel<&round_decimal_to>, fallible});
  table.push_back({"trunc", {float64}, float64, row_kernel<&trunc_double>});
  table.push_back({"trunc", {numeric}, numeric, row_kernel<&trunc_decimal>, fallible});
  table.push_back({"trunc", {numeric, int32}, numeric, row_kernel<&trunc_decimal_to>, fallible});
  for (const std::string_view name : {"ceil", "ceiling"}) {
    table.push_back({name, {float64}, float64, row_kernel<&ceil_double>});
    table.push_back({name, {numeric}, numeric, row_kernel<&ceil_decimal>, fallible});
  }
  table.push_back({"floor", {float64}, float64, row_kernel<&floor_double>});
  table.push_back({"floor", {numeric}, numeric, row_kernel<&floor_decimal>, fallible});
  table.push_back({"sign", {float64}, float64, row_kernel<&sign_double>});
  table.push_back({"sign", {numeric}, numeric, row_kernel<&sign_decimal>});
  table.push_back({"div", {numeric, numeric}, numeric, row_kernel<&div_decimals>, fallible});
  table.push_back({"sqrt", {float64}, float64, row_kernel<&sqrt_double>, fallible});
  table.push_back({"sqrt", {numeric}, numeric, row_kernel<&sqrt_decimal>, slow_fallible});
  table.push_back({"cbrt", {float64}, float64, row_kernel<&cbrt_double>});
  table.push_back({"exp", {float64}, float64, row_kernel<&exp_double>, fallible});
  table.push_back({"exp", {numeric}, numeric, row_kernel<&exp_decimal>, slow_fallible});
  table.push_back({"ln", {float64}, float64, row_kernel<&ln_double>, fallible});
  table.push_back({"ln", {numeric}, numeric, row_kernel<&ln_decimal>, slow_fallible});
  for (const std::string_view name : {"log", "log10"}) {
    table.push_back({name, {float64}, float64, row_kernel<&log10_double>, fallible});
    table.push_back({name, {numeric}, numeric, row_kernel<&log10_decimal>, slow_fallible});
  }
  table.push_back({"log", {numeric, numeric}, numeric, row_kernel<&log_decimals>, slow_fallible});
  for (const std::string_view name : {"power", "pow", "^"}) {
    table.push_back({name, {float64, float64}, float64, row_kernel<&power_double>, fallible});
    table.push_back({name, {numeric, numeric}, numeric, row_kernel<&power_decimals>, slow_fallible});
  }
  table.push_back({"gcd", {int32, int32}, int32, row_kernel<&greatest_divisor<int32_t>>, fallible});
  table.push_back({"gcd", {int64, int64}, int64, row_kernel<&greatest_divisor<int64_t>>, fallible});
  table.push_back({"trim_scale", {numeric}, numeric, row_kernel<&trim_scale>});
  table.push_back({"scale", {numeric}, int32, row_kernel<&scale_of>});
}

}  // namespace systole
