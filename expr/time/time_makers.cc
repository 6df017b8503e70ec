#include <cmath>
#include <limits>

#include "data/calendar.h"
#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/time/time_range.h"
#include "expr/time/time_zone.h"

namespace systole {
namespace {

using time_out = row_writer<int64_t>;
using span_out = row_writer<interval_value>;

constexpr row_failure months_in_bin{"0A000", "timestamps cannot be binned into intervals containing months or years"};
constexpr row_failure empty_bin{"22008", "stride must be greater than zero"};

/// A year of SQL has no 0; -1 is 1 BC.
bool civil(int32_t year, int32_t month, int32_t day, civil_date& out) {
  if (year == 0 || year > 5'874'897 || year < -4714) return false;
  out = {year < 0 ? year + 1 : year, month, day};
  return month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(out.year, month);
}

void make_date(row_writer<int32_t>& out, int32_t year, int32_t month, int32_t day) {
  civil_date date;
  if (!civil(year, month, day, date)) return out.fail(failures::field_range);
  const int32_t made = days_from_civil(date);
  if (!is_date(made)) return out.fail(failures::date_range);
  out.set(made);
}

const row_failure* timestamp_of(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute, double second,
                                int64_t& out) {
  civil_date date;
  if (!civil(year, month, day, date)) return &failures::field_range;
  const bool day_end = hour == 24 && minute == 0 && second == 0;
  if (hour < 0 || (hour > 23 && !day_end) || minute < 0 || minute > 59 || std::isnan(second) || second < 0 ||
      second > 60)
    return &failures::field_range;
  const auto micros = static_cast<int64_t>(std::rint(second * 1e6));
  int64_t made;
  if (__builtin_mul_overflow(int64_t{days_from_civil(date)}, micros_per_day, &made) ||
      __builtin_add_overflow(made, (int64_t{hour} * 60 + minute) * 60 * micros_per_second + micros, &made) ||
      !is_timestamp(made))
    return &failures::timestamp_range;
  out = made;
  return nullptr;
}
void make_timestamp(time_out& out, int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute,
                    double second) {
  int64_t made = 0;
  if (const row_failure* problem = timestamp_of(year, month, day, hour, minute, second, made))
    return out.fail(*problem);
  out.set(made);
}
void make_timestamp_in_zone(time_out& out, int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute,
                            double second, std::string_view zone_name) {
  int64_t made = 0;
  if (const row_failure* problem = timestamp_of(year, month, day, hour, minute, second, made))
    return out.fail(*problem);
  const std::shared_ptr<const zone_rule> zone = find_zone(zone_name);
  if (!zone) return out.fail(failures::unknown_zone);
  out.set(zone->to_utc(made));
}

void make_interval(span_out& out, int32_t years, int32_t months, int32_t weeks, int32_t days, int32_t hours,
                   int32_t minutes, double seconds) {
  const int64_t all_months = int64_t{years} * 12 + months, all_days = int64_t{weeks} * 7 + days;
  const double micros = std::rint(seconds * 1e6);
  if (all_months != static_cast<int32_t>(all_months) || all_days != static_cast<int32_t>(all_days) ||
      !(std::fabs(micros) < 9e18))
    return out.fail(failures::interval_range);
  int64_t time = int64_t{hours} * 3600 * micros_per_second + int64_t{minutes} * 60 * micros_per_second;
  if (__builtin_add_overflow(time, static_cast<int64_t>(micros), &time)) return out.fail(failures::interval_range);
  out.set({static_cast<int32_t>(all_months), static_cast<int32_t>(all_days), time});
}

/// The start of the bin of `stride`, counted from `origin`, that holds `value`.
void date_bin(time_out& out, interval_value stride, int64_t value, int64_t origin) {
  if (stride.months != 0) return out.fail(months_in_bin);
  int64_t width, difference;
  if (__builtin_mul_overflow(int64_t{stride.days}, micros_per_day, &width) ||
      __builtin_add_overflow(width, stride.micros, &width))
    return out.fail(failures::interval_range);
  if (width <= 0) return out.fail(empty_bin);
  if (__builtin_sub_overflow(value, origin, &difference)) return out.fail(failures::interval_range);
  int64_t rest = difference % width;
  if (rest < 0) rest += width;
  int64_t made;
  if (__builtin_sub_overflow(value, rest, &made) || !is_timestamp(made)) return out.fail(failures::timestamp_range);
  out.set(made);
}

void from_epoch(time_out& out, double seconds) {
  if (std::isnan(seconds) || std::isinf(seconds))
    return out.fail(std::isnan(seconds) ? failures::timestamp_range : failures::infinite_time);
  const double micros = std::rint(seconds * 1e6);
  if (!(std::fabs(micros) < 9.2e18)) return out.fail(failures::timestamp_range);
  const auto made = static_cast<int64_t>(micros);
  if (!is_timestamp(made)) return out.fail(failures::timestamp_range);
  out.set(made);
}

}  // namespace

void add_time_makers(std::vector<function_entry>& table) {
  using enum type_id;
  table.push_back({"make_date", {int32, int32, int32}, date, row_kernel<&make_date>, fallible});
  table.push_back({"make_timestamp",
                   {int32, int32, int32, int32, int32, float64},
                   timestamp,
                   row_kernel<&make_timestamp>,
                   fallible});
  table.push_back({"make_timestamptz",
                   {int32, int32, int32, int32, int32, float64},
                   timestamptz,
                   row_kernel<&make_timestamp>,
                   fallible});
  table.push_back({"make_timestamptz",
                   {int32, int32, int32, int32, int32, float64, text},
                   timestamptz,
                   row_kernel<&make_timestamp_in_zone>,
                   slow_fallible});
  table.push_back({"#make_interval",
                   {int32, int32, int32, int32, int32, int32, float64},
                   interval,
                   row_kernel<&make_interval>,
                   fallible});
  for (const type_id type : {timestamp, timestamptz})
    table.push_back({"date_bin", {interval, type, type}, type, row_kernel<&date_bin>, fallible});
  table.push_back({"to_timestamp", {float64}, timestamptz, row_kernel<&from_epoch>, fallible});
}

}  // namespace systole
