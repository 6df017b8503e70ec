#include <cmath>
#include <limits>

#include "data/calendar.h"
#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/time/time_range.h"
#include "expr/time/time_units.h"

namespace systole {
namespace {

using time_out = row_writer<int64_t>;
using span_out = row_writer<interval_value>;

// Dates.

void add_days(row_writer<int32_t>& out, int32_t date, int32_t days) {
  int32_t made;
  if (__builtin_add_overflow(date, days, &made) || !is_date(made)) return out.fail(failures::date_range);
  out.set(made);
}
void add_days_swapped(row_writer<int32_t>& out, int32_t days, int32_t date) { add_days(out, date, days); }
void subtract_days(row_writer<int32_t>& out, int32_t date, int32_t days) {
  int32_t made;
  if (__builtin_sub_overflow(date, days, &made) || !is_date(made)) return out.fail(failures::date_range);
  out.set(made);
}
void days_between(row_writer<int32_t>& out, int32_t a, int32_t b) { out.set(a - b); }

// Timestamps and intervals.

void set_sum(time_out& out, int64_t micros, interval_value by) {
  if (by.months == 0) [[likely]] {
    // Days are 24 hours: the zone is UTC.
    int64_t made;
    if (!__builtin_mul_overflow(int64_t{by.days}, micros_per_day, &made) &&
        !__builtin_add_overflow(made, by.micros, &made) && !__builtin_add_overflow(made, micros, &made) &&
        is_timestamp(made))
      return out.set(made);
    return out.fail(failures::timestamp_range);
  }
  const std::optional<timestamp_us> made = add_interval(micros, by);
  if (!made || !is_timestamp(*made)) return out.fail(failures::timestamp_range);
  out.set(*made);
}
bool negate(interval_value& value) {
  return !__builtin_sub_overflow(0, value.months, &value.months) &&
         !__builtin_sub_overflow(0, value.days, &value.days) &&
         !__builtin_sub_overflow(int64_t{0}, value.micros, &value.micros);
}
void add_span(time_out& out, int64_t micros, interval_value by) { set_sum(out, micros, by); }
void add_span_swapped(time_out& out, interval_value by, int64_t micros) { set_sum(out, micros, by); }
void subtract_span(time_out& out, int64_t micros, interval_value by) {
  if (!negate(by)) return out.fail(failures::interval_range);
  set_sum(out, micros, by);
}
/// A date's midnight; false (the row failed) beyond the range of timestamps, which is smaller than that of dates.
bool midnight(time_out& out, int32_t date, int64_t& micros) {
  if (!__builtin_mul_overflow(int64_t{date}, micros_per_day, &micros) && is_timestamp(micros)) return true;
  out.fail(failures::date_range);
  return false;
}
void add_span_to_date(time_out& out, int32_t date, interval_value by) {
  int64_t micros;
  if (midnight(out, date, micros)) set_sum(out, micros, by);
}
void add_span_to_date_swapped(time_out& out, interval_value by, int32_t date) { add_span_to_date(out, date, by); }
void subtract_span_from_date(time_out& out, int32_t date, interval_value by) {
  int64_t micros;
  if (midnight(out, date, micros)) subtract_span(out, micros, by);
}

/// Whole days and the rest, which has the sign of the difference.
void time_between(span_out& out, int64_t a, int64_t b) {
  int64_t difference;
  if (__builtin_sub_overflow(a, b, &difference)) return out.fail(failures::interval_range);
  out.set({0, static_cast<int32_t>(difference / micros_per_day), difference % micros_per_day});
}

// Intervals.

void add_spans(span_out& out, interval_value a, interval_value b) {
  interval_value made;
  if (__builtin_add_overflow(a.months, b.months, &made.months) || __builtin_add_overflow(a.days, b.days, &made.days) ||
      __builtin_add_overflow(a.micros, b.micros, &made.micros))
    return out.fail(failures::interval_range);
  out.set(made);
}
void subtract_spans(span_out& out, interval_value a, interval_value b) {
  interval_value made;
  if (__builtin_sub_overflow(a.months, b.months, &made.months) || __builtin_sub_overflow(a.days, b.days, &made.days) ||
      __builtin_sub_overflow(a.micros, b.micros, &made.micros))
    return out.fail(failures::interval_range);
  out.set(made);
}
void negate_span(span_out& out, interval_value a) {
  if (!negate(a)) return out.fail(failures::interval_range);
  out.set(a);
}

double round_micros(double seconds) { return std::rint(seconds * 1e6) / 1e6; }

/// PostgreSQL's interval_mul and interval_div: fractions of months go into days of 30, of days into seconds.
void set_scaled(span_out& out, interval_value span, double months, double days, double micros) {
  constexpr double int_limit = 2147483647.0, seconds_per_day = 86400.0;
  if (std::isnan(months) || std::isnan(days) || std::fabs(months) > int_limit || std::fabs(days) > int_limit)
    return out.fail(failures::interval_range);
  span.months = static_cast<int32_t>(months);
  span.days = static_cast<int32_t>(days);
  const double month_days = round_micros((months - span.months) * 30.0);
  double seconds = round_micros((days - span.days + month_days - static_cast<int>(month_days)) * seconds_per_day);
  int64_t whole_days = span.days;
  if (std::fabs(seconds) >= seconds_per_day) {
    whole_days += static_cast<int>(seconds / seconds_per_day);
    seconds -= static_cast<int>(seconds / seconds_per_day) * seconds_per_day;
  }
  whole_days += static_cast<int32_t>(month_days);
  const double time = std::rint(micros + seconds * 1e6);
  if (std::isnan(time) || time < -9223372036854775808.0 || time >= 9223372036854775808.0 ||
      whole_days != static_cast<int32_t>(whole_days))
    return out.fail(failures::interval_range);
  out.set({span.months, static_cast<int32_t>(whole_days), static_cast<int64_t>(time)});
}
void multiply_span(span_out& out, interval_value a, double by) {
  set_scaled(out, a, a.months * by, a.days * by, static_cast<double>(a.micros) * by);
}
void multiply_span_swapped(span_out& out, double by, interval_value a) { multiply_span(out, a, by); }
void divide_span(span_out& out, interval_value a, double by) {
  if (by == 0) return out.fail(failures::division_by_zero);
  set_scaled(out, a, a.months / by, a.days / by, static_cast<double>(a.micros) / by);
}

void justify_hours(span_out& out, interval_value a) {
  int64_t days = a.days + a.micros / micros_per_day;
  int64_t micros = a.micros % micros_per_day;
  if (days > 0 && micros < 0) {
    micros += micros_per_day;
    --days;
  } else if (days < 0 && micros > 0) {
    micros -= micros_per_day;
    ++days;
  }
  if (days != static_cast<int32_t>(days)) return out.fail(failures::interval_range);
  out.set({a.months, static_cast<int32_t>(days), micros});
}
void justify_days(span_out& out, interval_value a) {
  int64_t months = int64_t{a.months} + a.days / 30;
  int32_t days = a.days % 30;
  if (months > 0 && days < 0) {
    days += 30;
    --months;
  } else if (months < 0 && days > 0) {
    days -= 30;
    ++months;
  }
  if (months != static_cast<int32_t>(months)) return out.fail(failures::interval_range);
  out.set({static_cast<int32_t>(months), days, a.micros});
}

/// Years, months and days between two moments as a calendar counts them (timestamp_age of timestamp.c).
void age_between(span_out& out, int64_t a, int64_t b) {
  const bool negative = a < b;
  const day_and_time first = split_days(a), second = split_days(b);
  const civil_date da = civil_from_days(first.day), db = civil_from_days(second.day);
  int64_t micros = first.micros - second.micros;
  int64_t days = da.day - db.day;
  int64_t months = (int64_t{da.year} - db.year) * 12 + da.month - db.month;
  if (negative) {
    micros = -micros;
    days = -days;
    months = -months;
  }
  if (micros < 0) {
    micros += micros_per_day;
    --days;
  }
  while (days < 0) {
    days += negative ? days_in_month(da.year, da.month) : days_in_month(db.year, db.month);
    --months;
  }
  const int64_t sign = negative ? -1 : 1;
  out.set({static_cast<int32_t>(sign * months), static_cast<int32_t>(sign * days), sign * micros});
}

}  // namespace

void add_time_arithmetic(std::vector<function_entry>& table) {
  using enum type_id;
  table.push_back({"+", {date, int32}, date, row_kernel<&add_days>, fallible});
  table.push_back({"+", {int32, date}, date, row_kernel<&add_days_swapped>, fallible});
  table.push_back({"-", {date, int32}, date, row_kernel<&subtract_days>, fallible});
  table.push_back({"-", {date, date}, int32, row_kernel<&days_between>});
  table.push_back({"+", {date, interval}, timestamp, row_kernel<&add_span_to_date>, fallible});
  table.push_back({"+", {interval, date}, timestamp, row_kernel<&add_span_to_date_swapped>, fallible});
  table.push_back({"-", {date, interval}, timestamp, row_kernel<&subtract_span_from_date>, fallible});
  for (const type_id type : {timestamp, timestamptz}) {
    table.push_back({"+", {type, interval}, type, row_kernel<&add_span>, fallible});
    table.push_back({"+", {interval, type}, type, row_kernel<&add_span_swapped>, fallible});
    table.push_back({"-", {type, interval}, type, row_kernel<&subtract_span>, fallible});
    table.push_back({"-", {type, type}, interval, row_kernel<&time_between>, fallible});
    table.push_back({"age", {type, type}, interval, row_kernel<&age_between>});
  }
  table.push_back({"+", {interval, interval}, interval, row_kernel<&add_spans>, fallible});
  table.push_back({"-", {interval, interval}, interval, row_kernel<&subtract_spans>, fallible});
  table.push_back({"-", {interval}, interval, row_kernel<&negate_span>, fallible});
  table.push_back({"*", {interval, float64}, interval, row_kernel<&multiply_span>, fallible});
  table.push_back({"*", {float64, interval}, interval, row_kernel<&multiply_span_swapped>, fallible});
  table.push_back({"/", {interval, float64}, interval, row_kernel<&divide_span>, fallible});
  table.push_back({"justify_hours", {interval}, interval, row_kernel<&justify_hours>, fallible});
  table.push_back({"justify_days", {interval}, interval, row_kernel<&justify_days>, fallible});
}

}  // namespace systole
