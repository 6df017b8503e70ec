#include "data/calendar.h"
#include "expr/time/time_format_fields.h"
#include "expr/time/time_range.h"
#include "expr/time/time_units.h"

// What the fields of a formatted time mean together, in the order of PostgreSQL's do_to_timestamp.

namespace systole {
namespace {

constexpr row_failure bad_hour{"22007", "hour is invalid for the 12-hour clock"};
constexpr row_failure zone_range{"22009", "time zone displacement out of range"};
constexpr row_failure no_year{"22007", "cannot calculate day of year without year information"};

/// A year of 0 is 1 BC.
int64_t year_of(read_fields& f) {
  if (f.bc) f.century = -f.century;
  if (f.year == 0 && f.century == 0) return 0;
  if (f.year == 0) return f.century >= 0 ? (f.century - 1) * 100 + 1 : f.century * 100 + 1;
  if (f.century == 0 || f.year_size > 2) {
    const int64_t year = f.bc ? -f.year : f.year;
    return year < 0 ? year + 1 : year;
  }
  // The 21st century is 2001 to 2100, the 6th before Christ 600 to 501.
  const int64_t of_century = f.year % 100;
  if (of_century == 0) return f.century >= 0 ? f.century * 100 : f.century * 100 + 1;
  return f.century >= 0 ? of_century + (f.century - 1) * 100 : (f.century + 1) * 100 - of_century + 1;
}

const row_failure* assemble_date(read_fields& f, int64_t& days) {
  int64_t year = year_of(f), month = 1, day = 1;
  bool has_year = f.year != 0 || f.century != 0, has_month = false, has_day = false;
  // A bit beyond what a date can be; who takes it for one, or for a timestamp, looks more closely.
  constexpr int32_t first_year = -5000, last_year = 5'874'898;
  if (year < first_year || year > last_year) return &failures::timestamp_range;
  const auto set_from = [&](int64_t from) {
    if (from < days_from_civil({first_year, 1, 1}) || from > days_from_civil({last_year, 1, 1})) return false;
    const civil_date date = civil_from_days(static_cast<int32_t>(from));
    year = date.year;
    month = date.month;
    day = date.day;
    return has_year = has_month = has_day = true;
  };
  if (f.julian && !set_from(f.julian - julian_of_1970)) return &failures::timestamp_range;
  if (f.week && !f.iso) f.day_of_year = (f.week - 1) * 7 + 1;
  if (f.week && f.iso) {
    const int64_t in_week = f.week_day == 0 ? 0 : f.week_day > 1 ? f.week_day - 2 : 6;
    if (!set_from(iso_year_start(static_cast<int32_t>(year)) + (f.week - 1) * 7 + in_week))
      return &failures::timestamp_range;
  }
  if (f.week_of_month) f.day = (f.week_of_month - 1) * 7 + 1;
  if (f.day) {
    day = f.day;
    has_day = true;
  }
  if (f.month) {
    month = f.month;
    has_month = true;
  }
  if (f.day_of_year && (month <= 1 || day <= 1)) {
    if (year == 0 && !f.bc) return &no_year;
    if (f.iso) {
      if (!set_from(iso_year_start(static_cast<int32_t>(year)) + f.day_of_year - 1)) return &failures::timestamp_range;
    } else {
      int32_t of_year = 1;
      int64_t before = 0;
      for (; of_year <= 12 && f.day_of_year > before + days_in_month(static_cast<int32_t>(year), of_year); ++of_year)
        before += days_in_month(static_cast<int32_t>(year), of_year);
      if (month <= 1) month = of_year;
      if (day <= 1) day = f.day_of_year - before;
      has_year = has_month = has_day = true;
    }
  }
  if (has_month && (month < 1 || month > 12)) return &failures::field_range;
  if (has_day && (day < 1 || day > 31)) return &failures::field_range;
  if (has_year && has_month && has_day && day > days_in_month(static_cast<int32_t>(year), static_cast<int32_t>(month)))
    return &failures::field_range;
  days = days_from_civil({static_cast<int32_t>(year), static_cast<int32_t>(month), 1}) + day - 1;
  return nullptr;
}

const row_failure* assemble_time(read_fields& f, int64_t& micros) {
  if (f.second_of_day) {
    // Seconds, minutes and hours that were read themselves win.
    if (!f.hour) f.hour = f.second_of_day / 3600;
    if (!f.minute) f.minute = f.second_of_day / 60 % 60;
    if (!f.second) f.second = f.second_of_day % 60;
  }
  if (f.clock12) {
    if (f.hour < 1 || f.hour > 12) return &bad_hour;
    if (f.pm && f.hour < 12) f.hour += 12;
    else if (!f.pm && f.hour == 12) f.hour = 0;
  }
  const int64_t fraction = f.millis * 1000 + f.micros;
  if (f.hour < 0 || f.hour > 23 || f.minute < 0 || f.minute > 59 || f.second < 0 || f.second > 59 || fraction < 0 ||
      fraction >= micros_per_second)
    return &failures::field_range;
  micros = ((f.hour * 60 + f.minute) * 60 + f.second) * micros_per_second + fraction;
  return nullptr;
}

}  // namespace

const row_failure* read_formatted(std::string_view text, const time_format& format, formatted_time& into) {
  read_fields fields;
  if (const row_failure* problem = read_fields_of(text, format, fields)) return problem;
  // PostgreSQL checks the hour of a 12-hour clock first, the other ranges after the date.
  int64_t micros = 0;
  const row_failure* bad_time = assemble_time(fields, micros);
  if (bad_time == &bad_hour) return bad_time;
  if (const row_failure* problem = assemble_date(fields, into.days)) return problem;
  if (bad_time) return bad_time;
  into.micros = micros;
  into.precision = fields.precision;
  if (fields.zone_sign != 0) {
    if (fields.zone_hour < 0 || fields.zone_hour > 15 || fields.zone_minute < 0 || fields.zone_minute > 59)
      return &zone_range;
    into.zone_micros = fields.zone_sign * (fields.zone_hour * 60 + fields.zone_minute) * 60 * micros_per_second;
  }
  return nullptr;
}

const row_failure* formatted_time::timestamp(int64_t& out) const {
  if (__builtin_mul_overflow(days, micros_per_day, &out) || __builtin_add_overflow(out, micros - zone_micros, &out) ||
      !is_timestamp(out))
    return &failures::timestamp_range;
  if (precision == 6) return nullptr;
  // Rounds half away from 2000-01-01, as PostgreSQL counts from there.
  constexpr int64_t origin = 946'684'800'000'000;
  int64_t unit = 1;
  for (int i = precision; i < 6; ++i) unit *= 10;
  const int64_t since = out - origin;
  const int64_t rounded = since >= 0 ? (since + unit / 2) / unit * unit : -((-since + unit / 2) / unit * unit);
  out = origin + rounded;
  return is_timestamp(out) ? nullptr : &failures::timestamp_range;
}

}  // namespace systole
