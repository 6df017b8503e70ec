#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/value.h"
#include "expr/evaluation.h"

namespace systole {

/// The patterns of to_char, to_timestamp and to_date (PostgreSQL documentation, table 9.27).
enum class format_code : uint8_t {
  year_comma,
  year,
  year3,
  year2,
  year1,
  iso_year,
  iso_year3,
  iso_year2,
  iso_year1,
  month,
  month_name,
  month_short,
  roman_month,
  day_name,
  day_short,
  day_of_year,
  iso_day_of_year,
  day,
  day_of_week,
  iso_day_of_week,
  week_of_year,
  iso_week,
  week_of_month,
  quarter,
  century,
  julian,
  era,
  era_dots,
  hour12,
  hour24,
  minute,
  second,
  second_of_day,
  milliseconds,
  microseconds,
  fraction,
  half,
  half_dots,
  zone_name,
  zone_hour,
  zone_minute,
  zone_offset,
  fixed
};
/// The field is written in digits: it is no word and no zone.
bool is_number(format_code code);

enum class letter_case : uint8_t { upper, capital, lower };

struct format_item {
  enum class kind : uint8_t { field, text, space, separator } kind = kind::text;
  format_code code{};
  letter_case letters = letter_case::upper;
  uint8_t width = 0;     ///< characters that an input field takes
  bool fill = false;     ///< FM: no padding
  bool ordinal = false;  ///< TH or th
  bool ordinal_upper = false;
  std::string text;  ///< one character
};

/// A parsed template. Immutable. FX is an item: it holds from its place on.
struct time_format {
  std::vector<format_item> items;
  static time_format parse(std::string_view pattern);
};

/// What to_char shows: broken-down time of a timestamp or interval.
struct time_fields {
  int64_t year = 0, month = 0, day = 0, hour = 0;
  int32_t minute = 0, second = 0, micros = 0;
  int32_t days = 0;  ///< since 1970; timestamps only
  bool is_interval = false;
  bool has_zone = false;
};
time_fields fields_of_timestamp(int64_t micros, bool has_zone);
time_fields fields_of_interval(const interval_value& span);

/// Appends; nullptr on success.
const row_failure* append_formatted(std::string& out, const time_format& format, const time_fields& fields);
/// What a text said in a format.
struct formatted_time {
  int64_t days = 0;         ///< since 1970, not range-checked
  int64_t micros = 0;       ///< of the day
  int64_t zone_micros = 0;  ///< east of UTC
  int precision = 6;        ///< of the fraction, from FF1 to FF6
  /// As to_timestamp gives it, in UTC; nullptr on success.
  const row_failure* timestamp(int64_t& out) const;
};
/// Reads as to_timestamp and to_date do; nullptr on success.
const row_failure* read_formatted(std::string_view text, const time_format& format, formatted_time& into);

/// English names of months and days in lower case.
extern const std::string_view month_names[12];
extern const std::string_view day_names[7];  ///< Sunday first

}  // namespace systole
