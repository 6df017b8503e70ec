#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "data/calendar.h"

namespace systole {

/// The fields of extract, date_part and date_trunc; those that have a length, but quarters, are units of intervals.
enum class time_unit : uint8_t {
  microseconds,
  milliseconds,
  second,
  minute,
  hour,
  day,
  week,
  month,
  quarter,
  year,
  decade,
  century,
  millennium,
  day_of_week,
  iso_day_of_week,
  day_of_year,
  iso_year,
  epoch,
  julian,
  zone,
  zone_hour,
  zone_minute
};
/// By PostgreSQL's names and abbreviations, any case.
std::optional<time_unit> find_time_unit(std::string_view name);

/// 0 = Sunday.
inline int32_t day_of_week(int32_t days) { return static_cast<int32_t>(((int64_t{days} + 4) % 7 + 7) % 7); }
inline int32_t day_of_year(int32_t days, civil_date date) { return days - days_from_civil({date.year, 1, 1}) + 1; }

/// ISO 8601 week: its year (0 is 1 BC) and number, and the days of its Monday.
struct iso_week {
  int32_t year, week, monday;
};
iso_week iso_week_of(int32_t days);
/// The Monday of week 1 of an ISO year.
int32_t iso_year_start(int32_t year);

}  // namespace systole
