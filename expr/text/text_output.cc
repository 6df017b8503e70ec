#include "expr/text/text_output.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/hexadecimal.h"
#include "data/calendar.h"

namespace systole {
namespace {

template <class T>
void append_integer(std::string& out, T value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

/// Days of the year 1-01-01; before it PostgreSQL writes BC.
constexpr int32_t first_common_day = -719'162;

/// Years before Christ: year 0 is 1 BC. The text of the same day 400 years times n later gives the rest.
void append_before_christ(std::string& out, int64_t micros, bool with_time) {
  const day_and_time at = split_days(micros);
  const civil_date date = civil_from_days(at.day);
  std::string text;
  append_date(text, days_from_civil({2000 + ((date.year % 400) + 400) % 400, date.month, date.day}));
  std::string year = std::to_string(1 - date.year);
  year.insert(0, year.size() < 4 ? 4 - year.size() : 0, '0');
  out += year + text.substr(4);
  if (!with_time) return;
  std::string time;
  append_timestamp(time, at.micros, ' ');
  out += time.substr(10);
}

}  // namespace

void append_text(std::string& out, bool value) { out += value ? "true" : "false"; }
void append_text(std::string& out, int32_t value) { append_integer(out, value); }
void append_text(std::string& out, int64_t value) { append_integer(out, value); }
void append_text(std::string& out, decimal value) { append_decimal(out, value); }

void append_text(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
    return;
  }
  if (value == 0) {
    out += std::signbit(value) ? "-0" : "0";
    return;
  }
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value), std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  if (value < 0) out += '-';
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 15) {
    out += digits[0];
    if (count > 1) out += '.' + digits.substr(1);
    out += exponent < 0 ? "e-" : "e+";
    const int size = std::abs(exponent);
    if (size < 10) out += '0';
    append_integer(out, size);
  } else if (exponent < 0) {
    out += "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  } else if (count <= exponent + 1) {
    out += digits + std::string(static_cast<size_t>(exponent + 1 - count), '0');
  } else {
    out += digits.substr(0, static_cast<size_t>(exponent) + 1) + '.' + digits.substr(static_cast<size_t>(exponent) + 1);
  }
}

void append_bytea_text(std::string& out, std::string_view bytes) {
  out += "\\x";
  append_hex(out, bytes);
}

void append_date_text(std::string& out, int32_t days) {
  if (days >= first_common_day) return append_date(out, days);
  append_before_christ(out, static_cast<int64_t>(days) * micros_per_day, false);
  out += " BC";
}

void append_timestamp_text(std::string& out, int64_t micros) {
  if (micros >= static_cast<int64_t>(first_common_day) * micros_per_day) return append_timestamp(out, micros, ' ');
  append_before_christ(out, micros, true);
  out += " BC";
}

void append_timestamptz_text(std::string& out, int64_t micros) {
  if (micros >= static_cast<int64_t>(first_common_day) * micros_per_day) {
    append_timestamp(out, micros, ' ');
    out += "+00";
    return;
  }
  append_before_christ(out, micros, true);
  out += "+00 BC";
}

void append_interval_text(std::string& out, interval_value value) { append_interval(out, value); }

}  // namespace systole
