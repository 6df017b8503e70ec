#include "data/calendar.h"

#include <algorithm>

namespace systole {
namespace {

constexpr int32_t days_per_era = 146'097;  // 400 years
constexpr int32_t epoch_shift = 719'468;   // days from 0000-03-01 to 1970-01-01

/// PostgreSQL's earliest time, 4714-11-24 BC, and the end of the last whole year that 64 bits of microseconds since
/// 1970 hold (PostgreSQL counts from 2000 and reaches 30 years further).
constexpr int64_t earliest_us = -210'866'803'200'000'000;
constexpr int64_t latest_us = 9'223'371'244'799'999'999;

}  // namespace

int32_t days_from_civil(civil_date date) {
  const int32_t year = date.year - (date.month <= 2);
  const int32_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<uint32_t>(year - era * 400);
  const auto month = static_cast<uint32_t>(date.month);
  const uint32_t day_of_year =
      (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + static_cast<uint32_t>(date.day) - 1;
  const uint32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * days_per_era + static_cast<int32_t>(day_of_era) - epoch_shift;
}

civil_date civil_from_days(int32_t days) {
  const int64_t shifted = int64_t{days} + epoch_shift;
  const int64_t era = (shifted >= 0 ? shifted : shifted - (days_per_era - 1)) / days_per_era;
  const auto day_of_era = static_cast<uint32_t>(shifted - era * days_per_era);
  const uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t shifted_month = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<int32_t>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const auto month = static_cast<int32_t>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {static_cast<int32_t>(year_of_era + era * 400) + (month <= 2), month, day};
}

int32_t days_in_month(int32_t year, int32_t month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return 30 + ((month + (month >> 3)) & 1);  // 31 in odd months up to July, in even ones from August
}

bool is_valid(civil_date date) {
  return date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= days_in_month(date.year, date.month);
}

std::optional<timestamp_us> add_interval(timestamp_us value, interval_value by) {
  if (value < earliest_us || value > latest_us) return std::nullopt;
  int64_t days = value / micros_per_day - (value % micros_per_day < 0);
  const int64_t time_of_day = value - days * micros_per_day;
  if (by.months != 0) {
    civil_date date = civil_from_days(static_cast<int32_t>(days));
    const int64_t months = int64_t{date.year} * 12 + date.month - 1 + by.months;
    const int64_t year = months >= 0 ? months / 12 : -((11 - months) / 12);
    if (year < -5'000 || year > 300'000) return std::nullopt;
    date.year = static_cast<int32_t>(year);
    date.month = static_cast<int32_t>(months - year * 12) + 1;
    date.day = std::min(date.day, days_in_month(date.year, date.month));
    days = days_from_civil(date);
  }
  const auto made = static_cast<int128>(days + by.days) * micros_per_day + time_of_day + by.micros;
  if (made < earliest_us || made > latest_us) return std::nullopt;
  return static_cast<timestamp_us>(made);
}

}  // namespace systole
