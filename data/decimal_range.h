#pragma once

#include "base/limits.h"
#include "base/result.h"

// What the files of decimal.h share.
namespace systole::decimal_range {

inline constexpr int most_digits = limits::numeric_digits;
inline failure too_large() { return fail(error_code::data, "numeric value has more than 38 digits", "22003"); }

}  // namespace systole::decimal_range
