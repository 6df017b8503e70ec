#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <system_error>

#include "base/ascii.h"
#include "data/decimal.h"
#include "data/decimal_range.h"

// Decimals to and from text and double.
namespace systole {
namespace {

using ascii::is_blank;
using ascii::is_digit;
using decimal_range::most_digits;
using decimal_range::too_large;

/// A sign, "0.", 38 digits, and room.
constexpr size_t text_bytes = 48;

failure bad_syntax() { return fail(error_code::data, "invalid input syntax for type numeric", "22P02"); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i)
    if ((text[i] | 0x20) != lower[i]) return false;
  return true;
}

/// The failure for text that starts with no digit: PostgreSQL knows NaN and infinities, NUMERIC(38) does not.
failure not_a_number(std::string_view text) {
  const bool has_sign = !text.empty() && (text[0] == '-' || text[0] == '+');
  const std::string_view word = text.substr(has_sign ? 1 : 0);
  if ((!has_sign && equals_ignoring_case(word, "nan")) || equals_ignoring_case(word, "inf") ||
      equals_ignoring_case(word, "infinity")) {
    return fail(error_code::data, "NUMERIC holds no NaN or infinity in this build", "0A000");
  }
  return bad_syntax();
}

/// Digits as they stand in a text: mantissa * 10^(zeros - fraction).
struct digits {
  int128 mantissa = 0;
  int significant = 0;   ///< digits in the mantissa, without leading zeros
  int64_t zeros = 0;     ///< zeros at the end that 38 digits did not hold
  int64_t fraction = 0;  ///< digits after the point
  bool any = false;
  bool too_many = false;

  void add(char c) {
    any = true;
    if (significant < most_digits) {
      mantissa = mantissa * 10 + (c - '0');
      if (mantissa != 0) ++significant;
    } else if (c == '0') {
      ++zeros;
    } else {
      too_many = true;
    }
  }
};

/// Reads "[+-]digits" of an exponent; false where there is none or it is absurd.
bool read_exponent(const char*& at, const char* end, int64_t& exponent) {
  constexpr int64_t most = 1'000'000'000;
  const bool negative = at != end && *at == '-';
  if (at != end && (*at == '-' || *at == '+')) ++at;
  if (at == end || !is_digit(*at)) return false;
  for (; at != end && is_digit(*at); ++at) {
    exponent = exponent * 10 + (*at - '0');
    if (exponent > most) return false;
  }
  if (negative) exponent = -exponent;
  return true;
}

result<decimal> assemble(const digits& read, int64_t exponent, bool negative) {
  const int64_t wanted = std::max<int64_t>(0, read.fraction - exponent);
  const auto most_wanted = static_cast<uint8_t>(std::min<int64_t>(wanted, most_digits));
  if (read.mantissa == 0) return decimal{0, most_wanted};
  int128 mantissa = read.mantissa;
  int64_t scale = read.fraction - exponent - read.zeros;  // of the mantissa
  for (; scale > most_digits; --scale) {
    if (mantissa % 10 != 0) return too_large();
    mantissa /= 10;
  }
  if (scale < 0) {
    if (-scale > most_digits || !fits_digits(mantissa, static_cast<int>(most_digits + scale))) return too_large();
    mantissa *= power_of_ten(static_cast<int>(-scale));
    scale = 0;
  }
  // Zeros at the end of the fraction are kept as far as they fit.
  for (; scale < most_wanted && fits_digits(mantissa, most_digits - 1); ++scale) mantissa *= 10;
  return decimal{negative ? -mantissa : mantissa, static_cast<uint8_t>(scale)};
}

/// Writes the digits of `value` so that they end at `end`; returns their start.
char* write_digits(char* end, uint128 value) {
  constexpr uint64_t chunk = 10'000'000'000'000'000'000ull;  // 10^19
  while (value >> 64) {
    uint64_t low = static_cast<uint64_t>(value % chunk);
    value /= chunk;
    for (int i = 0; i < 19; ++i, low /= 10) *--end = static_cast<char>('0' + low % 10);
  }
  uint64_t rest = static_cast<uint64_t>(value);
  do {
    *--end = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest);
  return end;
}

/// Writes the text of `value` so that it ends at `end`; returns its start.
char* write_text(char* const end, decimal value) {
  const bool negative = value.unscaled < 0;
  const uint128 magnitude = negative ? -static_cast<uint128>(value.unscaled) : static_cast<uint128>(value.unscaled);
  char* start = write_digits(end, magnitude);
  if (value.scale > 0) {
    while (end - start <= value.scale) *--start = '0';
    const long whole = end - start - value.scale;
    std::memmove(start - 1, start, static_cast<size_t>(whole));
    --start;
    start[whole] = '.';
  }
  if (negative) *--start = '-';
  return start;
}

}  // namespace

result<decimal> parse_decimal(std::string_view text) {
  text = trimmed(text);
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at != end && *at == '-';
  if (at != end && (*at == '-' || *at == '+')) ++at;
  digits read;
  for (; at != end && is_digit(*at); ++at) read.add(*at);
  if (at != end && *at == '.') {
    for (++at; at != end && is_digit(*at); ++at, ++read.fraction) read.add(*at);
  }
  if (!read.any) return not_a_number(text);
  int64_t exponent = 0;
  if (at != end && (*at == 'e' || *at == 'E') && !read_exponent(++at, end, exponent)) return bad_syntax();
  if (at != end) return bad_syntax();
  if (read.too_many) return too_large();
  return assemble(read, exponent, negative);
}

void append_decimal(std::string& out, decimal value) {
  char buffer[text_bytes];
  char* const end = buffer + text_bytes;
  const char* const start = write_text(end, value);
  out.append(start, static_cast<size_t>(end - start));
}

std::string to_string(decimal value) {
  std::string out;
  append_decimal(out, value);
  return out;
}

double to_double(decimal value) {
  // Both are exact, so that one division rounds correctly.
  constexpr int128 most_exact = int128{1} << 53;
  constexpr double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (value.scale <= 22 && value.unscaled <= most_exact && value.unscaled >= -most_exact)
    return static_cast<double>(static_cast<int64_t>(value.unscaled)) / exact_powers[value.scale];
  char buffer[text_bytes];
  char* const end = buffer + text_bytes;
  double nearest = 0;
  std::from_chars(write_text(end, value), end, nearest);
  return nearest;
}

result<decimal> from_double(double value) {
  if (std::isnan(value) || std::isinf(value))
    return fail(error_code::data, "NUMERIC holds no NaN or infinity in this build", "0A000");
  constexpr int significant_digits = 15;
  char buffer[64];
  // Below 38 decimals a value is cut to those it can have; PostgreSQL's NUMERIC has more.
  const bool tiny = std::fabs(value) < 1e-23;
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, value, tiny ? std::chars_format::fixed : std::chars_format::general,
                    tiny ? most_digits : significant_digits);
  if (error != std::errc()) return too_large();
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  if (tiny) {
    while (text.back() == '0' && text.size() > 1) text.remove_suffix(1);
    if (text.back() == '.') text.remove_suffix(1);
  }
  return parse_decimal(text);
}

}  // namespace systole
