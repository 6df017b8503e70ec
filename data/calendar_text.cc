#include <array>
#include <cstdlib>
#include <cstring>

#include "data/calendar.h"

namespace systole {
namespace {

/// "00" to "99".
constexpr std::array<char, 200> two_digits = [] {
  std::array<char, 200> table{};
  for (size_t i = 0; i < 100; ++i) {
    table[2 * i] = static_cast<char>('0' + i / 10);
    table[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return table;
}();

char* put_two(char* at, uint32_t value) {
  std::memcpy(at, two_digits.data() + 2 * value, 2);
  return at + 2;
}

/// At least four digits.
char* put_year(char* at, uint32_t year) {
  if (year < 10'000) return put_two(put_two(at, year / 100), year % 100);
  char digits[10];
  char* start = digits + sizeof digits;
  for (; year; year /= 10) *--start = static_cast<char>('0' + year % 10);
  const auto length = static_cast<size_t>(digits + sizeof digits - start);
  std::memcpy(at, start, length);
  return at + length;
}

char* put_date(char* at, civil_date date) {
  at = put_year(at, static_cast<uint32_t>(date.year > 0 ? date.year : 1 - date.year));
  *at++ = '-';
  at = put_two(at, static_cast<uint32_t>(date.month));
  *at++ = '-';
  return put_two(at, static_cast<uint32_t>(date.day));
}

char* put_six(char* at, uint32_t micros) {
  return put_two(put_two(put_two(at, micros / 10'000), micros / 100 % 100), micros % 100);
}

/// ".5", ".000001", or nothing.
char* put_fraction(char* at, uint32_t micros) {
  if (micros == 0) return at;
  *at++ = '.';
  at = put_six(at, micros);
  while (at[-1] == '0') --at;
  return at;
}

/// Everything but the fraction; returns its microseconds.
char* put_seconds(char* at, timestamp_us value, char separator, civil_date& date, uint32_t& micros) {
  const day_and_time split = split_days(value);
  const auto time_us = static_cast<uint64_t>(split.micros);
  const auto seconds = static_cast<uint32_t>(time_us / micros_per_second);
  micros = static_cast<uint32_t>(time_us % micros_per_second);
  date = civil_from_days(split.day);
  at = put_date(at, date);
  *at++ = separator;
  at = put_two(at, seconds / 3600);
  *at++ = ':';
  at = put_two(at, seconds / 60 % 60);
  *at++ = ':';
  return put_two(at, seconds % 60);
}

char* put_era(char* at, civil_date date) {
  if (date.year > 0) return at;
  std::memcpy(at, " BC", 3);
  return at + 3;
}

constexpr size_t longest_text = 48;

void append_range(std::string& out, const char* start, const char* end) {
  out.append(start, static_cast<size_t>(end - start));
}

}  // namespace

void append_timestamp(std::string& out, timestamp_us value, char separator) {
  char buffer[longest_text];
  civil_date date;
  uint32_t micros;
  char* at = put_seconds(buffer, value, separator, date, micros);
  at = put_era(put_fraction(at, micros), date);
  append_range(out, buffer, at);
}

void append_timestamp_fixed(std::string& out, timestamp_us value, char separator) {
  char buffer[longest_text];
  civil_date date;
  uint32_t micros;
  char* at = put_seconds(buffer, value, separator, date, micros);
  *at++ = '.';
  at = put_era(put_six(at, micros), date);
  append_range(out, buffer, at);
}

char* write_timestamp(char* at, timestamp_us value, char separator) {
  civil_date date;
  uint32_t micros;
  at = put_seconds(at, value, separator, date, micros);
  if (micros != 0) {
    *at++ = '.';
    at = put_six(at, micros);
  }
  return put_era(at, date);
}

void append_date(std::string& out, int32_t days) {
  char buffer[longest_text];
  const civil_date date = civil_from_days(days);
  append_range(out, buffer, put_era(put_date(buffer, date), date));
}

// After EncodeInterval of PostgreSQL's src/backend/utils/adt/datetime.c, style postgres: a sign once a part before was
// negative, and all parts in the plural but 1.
void append_interval(std::string& out, interval_value value) {
  bool first = true, after_negative = false;
  const auto append_part = [&](int32_t number, std::string_view unit) {
    if (number == 0) return;
    if (!first) out.push_back(' ');
    if (after_negative && number > 0) out.push_back('+');
    out.append(std::to_string(number)).append(" ").append(unit);
    if (number != 1) out.push_back('s');
    after_negative = number < 0;
    first = false;
  };
  append_part(value.months / 12, "year");
  append_part(value.months % 12, "mon");
  append_part(value.days, "day");
  if (value.micros == 0 && !first) return;
  const uint64_t micros = value.micros < 0 ? -static_cast<uint64_t>(value.micros) : static_cast<uint64_t>(value.micros);
  if (!first) out.push_back(' ');
  if (value.micros < 0) out.push_back('-');
  else if (after_negative) out.push_back('+');
  const uint64_t seconds = micros / micros_per_second, hours = seconds / 3600;
  if (hours < 10) out.push_back('0');
  out.append(std::to_string(hours));
  char buffer[longest_text];
  char* at = buffer;
  *at++ = ':';
  at = put_two(at, static_cast<uint32_t>(seconds / 60 % 60));
  *at++ = ':';
  at = put_two(at, static_cast<uint32_t>(seconds % 60));
  append_range(out, buffer, put_fraction(at, static_cast<uint32_t>(micros % micros_per_second)));
}

}  // namespace systole
