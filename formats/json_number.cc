#include "formats/json_number.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

namespace systole {
namespace {

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

/// Powers of ten that a double holds exactly.
constexpr double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

}  // namespace

json_number_kind classify_json_number(std::string_view token) {
  const char* at = token.data();
  const char* const end = at + token.size();
  if (at != end && *at == '-') ++at;
  if (at == end || !is_digit(*at)) return json_number_kind::malformed;
  if (*at == '0') {
    ++at;
  } else {
    while (at != end && is_digit(*at)) ++at;
  }
  if (at == end) return json_number_kind::integer;
  if (*at == '.') {
    ++at;
    if (at == end || !is_digit(*at)) return json_number_kind::malformed;
    while (at != end && is_digit(*at)) ++at;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    if (at == end || !is_digit(*at)) return json_number_kind::malformed;
    while (at != end && is_digit(*at)) ++at;
  }
  return at == end ? json_number_kind::fractional : json_number_kind::malformed;
}

bool parse_json_integer(std::string_view token, int64_t& value) {
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  return error == std::errc() && end == token.data() + token.size();
}

bool parse_double(std::string_view token, double& value) {
  const char* at = token.data();
  const char* const end = at + token.size();
  const bool negative = at != end && *at == '-';
  if (at != end && (*at == '-' || *at == '+')) ++at;
  if (at == end || !(is_digit(*at) || *at == '.'))
    return false;  // from_chars would take "inf", "nan" and a second sign
  // Clinger's fast path: up to 15 digits and a power of ten that is exact, so one correctly rounded division.
  const char* const first = at;
  uint64_t mantissa = 0;
  int digits = 0, fraction_digits = 0;
  for (; at != end && is_digit(*at); ++at, ++digits) mantissa = mantissa * 10 + static_cast<uint64_t>(*at - '0');
  if (at != end && *at == '.') {
    ++at;
    for (; at != end && is_digit(*at); ++at, ++digits, ++fraction_digits)
      mantissa = mantissa * 10 + static_cast<uint64_t>(*at - '0');
  }
  if (digits == 0) return false;
  if (at == end && digits <= 15) {
    const double magnitude = static_cast<double>(mantissa) / exact_powers[fraction_digits];
    value = negative ? -magnitude : magnitude;
    return true;
  }
  double magnitude = 0;
  const auto [stopped, error] = std::from_chars(first, end, magnitude, std::chars_format::general);
  if (stopped != end) return false;
  if (error == std::errc::result_out_of_range) {
    // from_chars does not tell too small (zero, or the nearest denormal) from too large (no value of the type).
    magnitude = std::strtod(std::string(first, end).c_str(), nullptr);
    if (std::isinf(magnitude)) return false;
  } else if (error != std::errc()) {
    return false;
  }
  value = negative ? -magnitude : magnitude;
  return true;
}

}  // namespace systole
