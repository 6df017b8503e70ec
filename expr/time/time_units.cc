#include "expr/time/time_units.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/ascii.h"

namespace systole {

namespace {

struct unit_names {
  time_unit unit;
  std::string_view names;
};

using units_by_name = std::map<std::string_view, time_unit>;
units_by_name index_names() {
  using enum time_unit;
  static constexpr unit_names all_names[] = {
      {microseconds, "us usec usecs usecond useconds microsecon"},
      {milliseconds, "ms msec msecs msecond mseconds millisecon"},
      {second, "s sec secs second seconds"},
      {minute, "m min mins minute minutes"},
      {hour, "h hr hrs hour hours"},
      {day, "d day days"},
      {week, "w week weeks"},
      {month, "mon mons month months"},
      {quarter, "qtr quarter"},
      {year, "y yr yrs year years"},
      {decade, "dec decs decade decades"},
      {century, "c cent century centuries"},
      {millennium, "mil mils millennium millennia"},
      {day_of_week, "dow"},
      {iso_day_of_week, "isodow"},
      {day_of_year, "doy"},
      {iso_year, "isoyear"},
      {epoch, "epoch"},
      {julian, "j jd julian"},
      {zone, "timezone"},
      {zone_hour, "timezone_h"},
      {zone_minute, "timezone_m"},
  };
  units_by_name made;
  for (auto [unit, names] : all_names) {
    while (!names.empty()) {
      const size_t length = std::min(names.find(' '), names.size());
      made.emplace(names.substr(0, length), unit);
      names.remove_prefix(std::min(length + 1, names.size()));
    }
  }
  return made;
}

}  // namespace

std::optional<time_unit> find_time_unit(std::string_view name) {
  static const units_by_name units = index_names();
  constexpr size_t compared = 10;  // PostgreSQL cuts names there: "microseconds" is "microsecon"
  std::string key(name.substr(0, compared));
  for (char& c : key) c = ascii::lower(c);
  const auto found = units.find(key);
  return found == units.end() ? std::nullopt : std::optional(found->second);
}

int32_t iso_year_start(int32_t year) {
  const int32_t fourth = days_from_civil({year, 1, 4});
  return fourth - (day_of_week(fourth) + 6) % 7;
}

iso_week iso_week_of(int32_t days) {
  int32_t year = civil_from_days(days).year;
  int32_t start = iso_year_start(year);
  if (days < start) {
    start = iso_year_start(--year);
  } else if (const int32_t next = iso_year_start(year + 1); days >= next) {
    start = next;
    ++year;
  }
  return {year, (days - start) / 7 + 1, days - (days - start) % 7};
}

}  // namespace systole
