#include <cmath>

#include "data/calendar.h"
#include "expr/functions.h"
#include "expr/row_kernel.h"
#include "expr/time/time_range.h"
#include "expr/time/time_units.h"
#include "expr/time/time_zone.h"

namespace systole {
namespace {

constexpr row_failure unsupported_unit{"0A000", "this field is not supported for the type"};

prepared_call prepare_unit(std::span<const node_ptr> arguments) {
  const column_ptr constant = arguments[0]->constant();
  if (!constant || constant->is_null(0)) return {};
  const std::optional<time_unit> unit = find_time_unit(constant->text(0));
  if (!unit)
    return {
        nullptr, "unit \"" + std::string(constant->text(0)) + "\" is not recognized",
        "there are microseconds, milliseconds, second, minute, hour, day, week, month, quarter, year, decade, century, "
        "millennium, dow, isodow, doy, isoyear, epoch, julian",
        "22023"};
  return {std::make_shared<const time_unit>(*unit), {}, {}, {}};
}

/// date_trunc knows units of length only; PostgreSQL does not even recognize the others there.
bool has_length(time_unit unit) {
  using enum time_unit;
  switch (unit) {
    case day_of_week:
    case iso_day_of_week:
    case day_of_year:
    case iso_year:
    case epoch:
    case julian: return false;
    default: return true;
  }
}
const row_failure& cannot_truncate(time_unit unit) {
  return has_length(unit) ? unsupported_unit : failures::unknown_unit;
}

/// The unit of a row; nothing after a failure.
std::optional<time_unit> unit_of(row_writer_base& out, const time_unit* known, std::string_view name) {
  if (known) return *known;
  const std::optional<time_unit> found = find_time_unit(name);
  if (!found) out.fail(failures::unknown_unit);
  return found;
}

/// A field is a whole number, or micros over 10^scale; `present` is false where the type has no such field.
struct field_value {
  int64_t value = 0;
  uint8_t scale = 0;
  bool present = true;
};

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

field_value date_field(time_unit unit, int32_t days) {
  using enum time_unit;
  switch (unit) {
    case day_of_week: return {systole::day_of_week(days)};
    case iso_day_of_week: return {(systole::day_of_week(days) + 6) % 7 + 1};
    case julian: return {int64_t{days} + julian_of_1970};
    case epoch: return {int64_t{days} * 86'400};
    case week: return {iso_week_of(days).week};
    case iso_year: {
      const int32_t made = iso_week_of(days).year;
      return {made > 0 ? made : made - 1};
    }
    default: break;
  }
  const civil_date date = civil_from_days(days);
  const int64_t y = date.year;
  switch (unit) {
    case day: return {date.day};
    case month: return {date.month};
    case quarter: return {(date.month - 1) / 3 + 1};
    case year: return {y > 0 ? y : y - 1};
    case decade: return {floor_divide(y, 10)};
    case century: return {y > 0 ? (y + 99) / 100 : -((99 - (y - 1)) / 100)};
    case millennium: return {y > 0 ? (y + 999) / 1000 : -((999 - (y - 1)) / 1000)};
    case day_of_year: return {systole::day_of_year(days, date)};
    default: return {0, 0, false};
  }
}

field_value timestamp_field(time_unit unit, int64_t micros, bool with_zone) {
  using enum time_unit;
  const day_and_time at = split_days(micros);
  switch (unit) {
    case microseconds: return {at.micros % 60'000'000};
    case milliseconds: return {at.micros % 60'000'000, 3};
    case second: return {at.micros % 60'000'000, 6};
    case minute: return {at.micros / 60'000'000 % 60};
    case hour: return {at.micros / 3'600'000'000};
    case epoch: return {micros, 6};
    case zone:
    case zone_hour:
    case zone_minute: return {0, 0, with_zone};
    default: return date_field(unit, at.day);
  }
}

field_value interval_field(time_unit unit, const interval_value& span) {
  using enum time_unit;
  const int64_t year_count = span.months / 12;
  switch (unit) {
    case microseconds: return {span.micros % 60'000'000};
    case milliseconds: return {span.micros % 60'000'000, 3};
    case second: return {span.micros % 60'000'000, 6};
    case minute: return {span.micros / 60'000'000 % 60};
    case hour: return {span.micros / 3'600'000'000};
    case day: return {span.days};
    case month: return {span.months % 12};
    case quarter: return {span.months % 12 / 3 + 1};
    case year: return {year_count};
    case decade: return {year_count / 10};
    case century: return {year_count / 100};
    case millennium: return {year_count / 1000};
    default: return {0, 0, false};
  }
}

/// Seconds of an interval with years of 365.25 and months of 30 days, in microseconds.
int128 interval_epoch_micros(const interval_value& span) {
  const int128 seconds =
      int128{span.months / 12} * 31'557'600 + int128{span.months % 12} * 2'592'000 + int128{span.days} * 86'400;
  return seconds * 1'000'000 + span.micros;
}

void set_field(row_writer<decimal>& out, field_value field) {
  if (!field.present) return out.fail(unsupported_unit);
  out.set(decimal{field.value, field.scale});
}
void set_field(row_writer<double>& out, field_value field) {
  if (!field.present) return out.fail(unsupported_unit);
  out.set(static_cast<double>(field.value) / (field.scale == 0 ? 1.0 : field.scale == 3 ? 1e3 : 1e6));
}
void set_julian(row_writer<decimal>& out, int64_t micros) {
  const day_and_time at = split_days(micros);
  const result<decimal> fraction = divide({at.micros, 0}, {micros_per_day, 0});
  if (!fraction) return out.set(fraction);
  out.set(add({int64_t{at.day} + julian_of_1970, 0}, *fraction));
}
void set_julian(row_writer<double>& out, int64_t micros) {
  const day_and_time at = split_days(micros);
  out.set(static_cast<double>(int64_t{at.day} + julian_of_1970) +
          static_cast<double>(at.micros) / static_cast<double>(micros_per_day));
}

template <class Result>
void extract_date(row_writer<Result>& out, const time_unit* known, std::string_view name, int32_t days) {
  if (const auto unit = unit_of(out, known, name)) set_field(out, date_field(*unit, days));
}
template <class Result, bool WithZone>
void extract_timestamp(row_writer<Result>& out, const time_unit* known, std::string_view name, int64_t micros) {
  const auto unit = unit_of(out, known, name);
  if (!unit) return;
  if (*unit == time_unit::julian) return set_julian(out, micros);
  set_field(out, timestamp_field(*unit, micros, WithZone));
}
template <class Result>
void extract_interval(row_writer<Result>& out, const time_unit* known, std::string_view name, interval_value span) {
  const auto unit = unit_of(out, known, name);
  if (!unit) return;
  if (*unit != time_unit::epoch) return set_field(out, interval_field(*unit, span));
  const int128 micros = interval_epoch_micros(span);
  if constexpr (std::is_same_v<Result, decimal>) out.set(decimal{micros, 6});
  else out.set(static_cast<double>(micros) / 1e6);
}

// date_trunc

int64_t floor_to(int64_t value, int64_t unit) { return floor_divide(value, unit) * unit; }

std::optional<int64_t> truncate_time(time_unit unit, int64_t micros) {
  using enum time_unit;
  switch (unit) {
    case microseconds: return micros;
    case milliseconds: return floor_to(micros, 1'000);
    case second: return floor_to(micros, micros_per_second);
    case minute: return floor_to(micros, 60 * micros_per_second);
    case hour: return floor_to(micros, 3600 * micros_per_second);
    case day: return floor_to(micros, micros_per_day);
    default: break;
  }
  const int32_t days = split_days(micros).day;
  if (unit == week) return iso_week_of(days).monday * micros_per_day;
  civil_date date = civil_from_days(days);
  date.day = 1;
  const auto first_of = [&](int32_t span, int32_t offset) {
    date.month = 1;
    date.year = static_cast<int32_t>(floor_divide(int64_t{date.year} - offset, span) * span + offset);
  };
  switch (unit) {
    case month: break;
    case quarter: date.month = (date.month - 1) / 3 * 3 + 1; break;
    case year: date.month = 1; break;
    case decade: first_of(10, 0); break;
    case century: first_of(100, 1); break;
    case millennium: first_of(1000, 1); break;
    default: return std::nullopt;
  }
  return days_from_civil(date) * micros_per_day;
}

void truncate_timestamp(row_writer<int64_t>& out, const time_unit* known, std::string_view name, int64_t micros) {
  const auto unit = unit_of(out, known, name);
  if (!unit) return;
  const std::optional<int64_t> made = truncate_time(*unit, micros);
  if (!made) return out.fail(cannot_truncate(*unit));
  if (!is_timestamp(*made)) return out.fail(failures::timestamp_range);
  out.set(*made);
}
void truncate_in_zone(row_writer<int64_t>& out, const time_unit* known, std::string_view name, int64_t micros,
                      std::string_view zone_name) {
  const auto unit = unit_of(out, known, name);
  if (!unit) return;
  const std::shared_ptr<const zone_rule> zone = find_zone(zone_name);
  if (!zone) return out.fail(failures::unknown_zone);
  const std::optional<int64_t> made = truncate_time(*unit, zone->to_local(micros));
  if (!made) return out.fail(cannot_truncate(*unit));
  out.set(zone->to_utc(*made));
}
void truncate_interval(row_writer<interval_value>& out, const time_unit* known, std::string_view name,
                       interval_value span) {
  using enum time_unit;
  const auto unit = unit_of(out, known, name);
  if (!unit) return;
  const auto cut = [](auto value, auto by) { return value / by * by; };
  switch (*unit) {
    case microseconds: return out.set(span);
    case milliseconds: return out.set({span.months, span.days, cut(span.micros, int64_t{1'000})});
    case second: return out.set({span.months, span.days, cut(span.micros, micros_per_second)});
    case minute: return out.set({span.months, span.days, cut(span.micros, 60 * micros_per_second)});
    case hour: return out.set({span.months, span.days, cut(span.micros, 3600 * micros_per_second)});
    case day: return out.set({span.months, span.days, 0});
    case month: return out.set({span.months, 0, 0});
    case quarter: return out.set({cut(span.months, 3), 0, 0});
    case year: return out.set({cut(span.months, 12), 0, 0});
    case decade: return out.set({cut(span.months, 120), 0, 0});
    case century: return out.set({cut(span.months, 1200), 0, 0});
    case millennium: return out.set({cut(span.months, 12000), 0, 0});
    default: return out.fail(cannot_truncate(*unit));
  }
}

template <class Result>
void add_extract(std::vector<function_entry>& table, std::string_view name, type_id result) {
  using enum type_id;
  table.push_back({name, {text, date}, result, row_kernel<&extract_date<Result>>, fallible, prepare_unit});
  table.push_back(
      {name, {text, timestamp}, result, row_kernel<&extract_timestamp<Result, false>>, fallible, prepare_unit});
  table.push_back(
      {name, {text, timestamptz}, result, row_kernel<&extract_timestamp<Result, true>>, fallible, prepare_unit});
  table.push_back({name, {text, interval}, result, row_kernel<&extract_interval<Result>>, fallible, prepare_unit});
}

}  // namespace

void add_time_fields(std::vector<function_entry>& table) {
  using enum type_id;
  add_extract<decimal>(table, "extract", numeric);
  add_extract<double>(table, "date_part", float64);
  table.push_back(
      {"date_trunc", {text, timestamp}, timestamp, row_kernel<&truncate_timestamp>, fallible, prepare_unit});
  table.push_back(
      {"date_trunc", {text, timestamptz}, timestamptz, row_kernel<&truncate_timestamp>, fallible, prepare_unit});
  table.push_back({"date_trunc",
                   {text, timestamptz, text},
                   timestamptz,
                   row_kernel<&truncate_in_zone>,
                   slow_fallible,
                   prepare_unit});
  table.push_back({"date_trunc", {text, interval}, interval, row_kernel<&truncate_interval>, fallible, prepare_unit});
}

}  // namespace systole
