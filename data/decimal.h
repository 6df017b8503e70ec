#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "data/value.h"

namespace systole {

/// An exact decimal: unscaled * 10^-scale, |unscaled| < 10^38, scale <= 38.
/// Where a result would have more digits or a larger scale, zeros at the end of its fraction are dropped first (its
/// value is PostgreSQL's, its text has fewer zeros); only then it is 22003.
struct decimal {
  int128 unscaled = 0;
  uint8_t scale = 0;
};

/// 10^n for n in [0, 38].
int128 power_of_ten(int n);
/// True where |unscaled| < 10^digits.
bool fits_digits(int128 unscaled, int digits);

/// Parses PostgreSQL's numeric input ("-1.50", ".5", "1e3", blanks around it); the scale is that of the text.
/// 22P02 for other text ("NaN" and infinities too: 0A000), 22003 beyond 38 digits.
result<decimal> parse_decimal(std::string_view text);
/// PostgreSQL's text: all digits of the scale, "-0.50", "100".
std::string to_string(decimal value);
/// Appends to_string(value) without a temporary.
void append_decimal(std::string& out, decimal value);

/// The value at another scale, rounded half away from zero; 22003 where it does not fit 38 digits.
result<decimal> rescale(decimal value, uint8_t scale);
/// The value as NUMERIC(precision, scale): rescaled, 22003 where it has more digits.
result<decimal> fit(decimal value, uint8_t precision, uint8_t scale);

/// PostgreSQL's +, -, *: exact, the scale is the larger one (sum) or the sum of both (product); 22003 beyond 38 digits.
result<decimal> add(decimal a, decimal b);
result<decimal> subtract(decimal a, decimal b);
result<decimal> multiply(decimal a, decimal b);
/// PostgreSQL's /: at least 16 significant digits, at least each operand's scale (select_div_scale of
/// src/backend/utils/adt/numeric.c); where 38 digits cannot hold that scale the value keeps as many as fit.
/// 22012 for a zero divisor.
result<decimal> divide(decimal a, decimal b);
/// PostgreSQL's %: the sign of a; the larger scale. 22012 for a zero divisor.
result<decimal> modulo(decimal a, decimal b);
/// -1, 0, 1; 1.0 equals 1.00.
int compare(decimal a, decimal b);

/// Nearest double. Correctly rounded for values of up to 15 digits.
double to_double(decimal value);
/// PostgreSQL's float8 -> numeric: 15 significant digits, but no digits past 38 decimals. 22003 out of range, 0A000 for
/// NaN and infinity.
result<decimal> from_double(double value);

}  // namespace systole
