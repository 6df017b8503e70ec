#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "data/value.h"

namespace systole {

inline constexpr int64_t micros_per_second = 1'000'000;
inline constexpr int64_t micros_per_day = 86'400 * micros_per_second;
/// The Julian day number of 1970-01-01.
inline constexpr int32_t julian_of_1970 = 2'440'588;

/// A date of the proleptic Gregorian calendar; year 0 is 1 BC.
struct civil_date {
  int32_t year;
  int32_t month;  ///< 1-12
  int32_t day;    ///< 1-31
};

/// Days since 1970-01-01 (algorithm: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
int32_t days_from_civil(civil_date date);
civil_date civil_from_days(int32_t days);
/// Whole days since 1970-01-01 and the microseconds since midnight, both by floor.
struct day_and_time {
  int32_t day;
  int64_t micros;
};
inline day_and_time split_days(timestamp_us value) {
  // Not value - days * micros_per_day, which overflows on the first day that 64 bits hold.
  const int64_t rest = value % micros_per_day;
  const bool before = rest < 0;
  return {static_cast<int32_t>(value / micros_per_day - before), before ? rest + micros_per_day : rest};
}
bool is_valid(civil_date date);
int32_t days_in_month(int32_t year, int32_t month);

/// Parses ISO 8601 "YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]][zone]]": zone Z, z, +-HH, +-HHMM, +-HH:MM; none is UTC.
/// A date alone is midnight; digits past microseconds are cut; second 60, hour 24 and year 0 do not parse.
/// Nothing where the text is anything else. No allocation; the common 26-byte form is the fast path.
std::optional<timestamp_us> parse_iso_timestamp(std::string_view text);
/// "YYYY-MM-DD" only.
std::optional<int32_t> parse_iso_date(std::string_view text);

/// "2026-01-31 09:05:00.5": fraction without trailing zeros, none when 0; `separator` is ' ' or 'T'; no zone.
void append_timestamp(std::string& out, timestamp_us value, char separator);
/// "2026-01-31 09:05:00.500000": always six digits.
void append_timestamp_fixed(std::string& out, timestamp_us value, char separator);
void append_date(std::string& out, int32_t days);
/// As append_timestamp_fixed, but without a fraction when it is 0 (ISO 8601 as many programs write it), into at most
/// `timestamp_text_bytes` bytes at `at`; gives the end.
inline constexpr size_t timestamp_text_bytes = 32;
char* write_timestamp(char* at, timestamp_us value, char separator);
/// PostgreSQL's interval output in style `postgres`: "1 year 2 mons -3 days +04:05:06.7".
void append_interval(std::string& out, interval_value value);

/// timestamp + interval with PostgreSQL's rules: months first (clamped to the month's end), then days, then micros;
/// nothing beyond the range 4714-11-24 BC (PostgreSQL's) to 294246 AD (what 64 bits from 1970 hold; PostgreSQL's is
/// 294276).
std::optional<timestamp_us> add_interval(timestamp_us value, interval_value by);

}  // namespace systole
