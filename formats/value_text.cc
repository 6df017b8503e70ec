#include "formats/value_text.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <string>

#include "data/calendar.h"

namespace systole {
namespace {

constexpr std::array<char, 200> make_digit_pairs() {
  std::array<char, 200> pairs{};
  for (int i = 0; i < 100; ++i) {
    pairs[static_cast<size_t>(2 * i)] = static_cast<char>('0' + i / 10);
    pairs[static_cast<size_t>(2 * i + 1)] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}
constexpr std::array<char, 200> digit_pairs = make_digit_pairs();

char* write_pair(char* at, uint32_t below_100) {
  std::memcpy(at, digit_pairs.data() + size_t{2} * below_100, 2);
  return at + 2;
}

char* write_unsigned(char* at, uint64_t value) {
  if (value < 10) {
    *at = static_cast<char>('0' + value);
    return at + 1;
  }
  if (value < 100) return write_pair(at, static_cast<uint32_t>(value));
  if (value < 10'000) {
    const auto high = static_cast<uint32_t>(value / 100);
    at = high < 10 ? (*at = static_cast<char>('0' + high), at + 1) : write_pair(at, high);
    return write_pair(at, static_cast<uint32_t>(value % 100));
  }
  return std::to_chars(at, at + longest_integer_text, value).ptr;
}

}  // namespace

char* write_integer(char* at, int64_t value) {
  uint64_t magnitude = static_cast<uint64_t>(value);
  if (value < 0) {
    *at++ = '-';
    magnitude = ~magnitude + 1;
  }
  return write_unsigned(at, magnitude);
}

char* write_double(char* at, double value) {
  // Measurements and money have few decimals. A decimal of at most 15 digits is the only one of that length that reads
  // back as its double, so after cutting zeros it is the shortest text.
  constexpr double scale = 1e4;
  const double scaled = value * scale;
  if (std::fabs(scaled) < 1e15 && (value != 0 || !std::signbit(value))) {
    const auto rounded = static_cast<int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
    if (static_cast<double>(rounded) / scale == value) {
      uint64_t magnitude = static_cast<uint64_t>(rounded < 0 ? -rounded : rounded);
      if (rounded < 0) *at++ = '-';
      at = write_unsigned(at, magnitude / 10'000);
      auto fraction = static_cast<uint32_t>(magnitude % 10'000);
      if (fraction == 0) return at;
      *at++ = '.';
      write_pair(at, fraction / 100);
      write_pair(at + 2, fraction % 100);
      at += 4;
      while (at[-1] == '0') --at;
      return at;
    }
  }
  return std::to_chars(at, at + longest_double_text, value).ptr;
}

char* write_decimal(char* at, decimal value) {
  if (value.scale <= 18 && value.unscaled > INT64_MIN && value.unscaled <= INT64_MAX) {
    auto unscaled = static_cast<int64_t>(value.unscaled);
    if (unscaled < 0) {
      *at++ = '-';
      unscaled = -unscaled;
    }
    char digits[longest_integer_text];
    const auto count = static_cast<size_t>(write_unsigned(digits, static_cast<uint64_t>(unscaled)) - digits);
    const size_t whole = count > value.scale ? count - value.scale : 0;
    if (whole == 0) *at++ = '0';
    std::memcpy(at, digits, whole);
    at += whole;
    if (value.scale == 0) return at;
    *at++ = '.';
    for (size_t zeros = value.scale - (count - whole); zeros; --zeros) *at++ = '0';
    std::memcpy(at, digits + whole, count - whole);
    return at + (count - whole);
  }
  const std::string text = to_string(value);
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

char* write_date(char* at, int32_t days) {
  const civil_date date = civil_from_days(days);
  if (date.year < 0 || date.year > 9999) {
    std::string text;
    append_date(text, days);
    std::memcpy(at, text.data(), text.size());
    return at + text.size();
  }
  const auto year = static_cast<uint32_t>(date.year);
  at = write_pair(write_pair(at, year / 100), year % 100);
  *at++ = '-';
  at = write_pair(at, static_cast<uint32_t>(date.month));
  *at++ = '-';
  return write_pair(at, static_cast<uint32_t>(date.day));
}

char* time_writer::write(char* at, timestamp_us value, char separator, second_fraction fraction) {
  int64_t days = value / micros_per_day, rest = value % micros_per_day;
  if (rest < 0) {
    rest += micros_per_day;
    --days;
  }
  day_text& day = days_[static_cast<size_t>(days) % remembered_days];
  if (day.days != days) {
    char text[longest_time_text];
    const auto length = static_cast<size_t>(write_date(text, static_cast<int32_t>(days)) - text);
    if (length != sizeof day.text) {  // a year before 0 or behind 9999
      std::memcpy(at, text, length);
      at += length;
    } else {
      day.days = days;
      std::memcpy(day.text, text, sizeof day.text);
    }
  }
  if (day.days == days) {
    std::memcpy(at, day.text, sizeof day.text);
    at += sizeof day.text;
  }
  const auto seconds = static_cast<uint32_t>(rest / micros_per_second),
             micros = static_cast<uint32_t>(rest % micros_per_second);
  *at++ = separator;
  at = write_pair(at, seconds / 3600);
  *at++ = ':';
  at = write_pair(at, seconds / 60 % 60);
  *at++ = ':';
  at = write_pair(at, seconds % 60);
  if (micros == 0 && fraction == second_fraction::as_needed) return at;
  *at++ = '.';
  at = write_pair(at, micros / 10'000);
  at = write_pair(at, micros / 100 % 100);
  return write_pair(at, micros % 100);
}

}  // namespace systole
