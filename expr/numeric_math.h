#pragma once

#include "data/decimal.h"

namespace systole {

// NUMERIC functions with PostgreSQL's result scales (src/backend/utils/adt/numeric.c). 22003 beyond 38 digits.
// Roots are exact; logarithms, exponentials and broken powers are computed with 64 bits of mantissa: digits past the
// 18th significant one are not PostgreSQL's.

/// Half away from zero; a negative scale rounds before the point and gives scale 0.
result<decimal> round_to(decimal value, int32_t scale);
/// Towards zero.
result<decimal> truncate_to(decimal value, int32_t scale);
result<decimal> ceiling(decimal value);
result<decimal> flooring(decimal value);
/// div(a, b): the quotient without its fraction, scale 0.
result<decimal> whole_quotient(decimal a, decimal b);
/// REQUIRES: value >= 0.
result<decimal> square_root(decimal value);
/// REQUIRES: value > 0.
result<decimal> natural_logarithm(decimal value);
result<decimal> logarithm(decimal base, decimal value);
result<decimal> exponential(decimal value);
result<decimal> power(decimal base, decimal exponent);

}  // namespace systole
