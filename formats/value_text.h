#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "data/decimal.h"
#include "data/value.h"

namespace systole {

/// Writers of values as text. Each writes at `at`, which has room for the type's longest text, and returns the end.
inline constexpr size_t longest_integer_text = 20;
inline constexpr size_t longest_double_text = 32;
inline constexpr size_t longest_decimal_text = 48;
inline constexpr size_t longest_time_text = 40;
inline constexpr size_t longest_value_text = 96;  ///< of any type but text and bytea, with quotes

char* write_integer(char* at, int64_t value);
/// The shortest text that reads back as the value; no exponent where the value has at most four decimals. Not for NaN
/// and infinities.
char* write_double(char* at, double value);
char* write_decimal(char* at, decimal value);
/// "YYYY-MM-DD".
char* write_date(char* at, int32_t days);

/// How the fraction of a second is written.
enum class second_fraction : uint8_t {
  as_needed,  ///< none when it is 0, else six digits (as Python's isoformat)
  always,     ///< six digits
};

/// Writes times; remembers the texts of the last days, for times lie close together.
class time_writer {
 public:
  char* write(char* at, timestamp_us value, char separator, second_fraction fraction);

 private:
  struct day_text {
    int64_t days = INT64_MIN;
    char text[10] = {};
  };
  static constexpr size_t remembered_days = 64;
  std::array<day_text, remembered_days> days_;
};

}  // namespace systole
