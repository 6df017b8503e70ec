#include "expr/time_units.h"

#include <map>
#include <string>

namespace systole {

std::optional<time_unit> find_time_unit(std::string_view name) {
  using enum time_unit;
  static const std::map<std::string, time_unit, std::less<>> names = {{"microseconds", microseconds},
                                                                      {"microsecond", microseconds},
                                                                      {"usec", microseconds},
                                                                      {"usecs", microseconds},
                                                                      {"us", microseconds},
                                                                      {"milliseconds", milliseconds},
                                                                      {"millisecond", milliseconds},
                                                                      {"msec", milliseconds},
                                                                      {"msecs", milliseconds},
                                                                      {"ms", milliseconds},
                                                                      {"second", second},
                                                                      {"seconds", second},
                                                                      {"sec", second},
                                                                      {"secs", second},
                                                                      {"s", second},
                                                                      {"minute", minute},
                                                                      {"minutes", minute},
                                                                      {"min", minute},
                                                                      {"mins", minute},
                                                                      {"m", minute},
                                                                      {"hour", hour},
                                                                      {"hours", hour},
                                                                      {"hr", hour},
                                                                      {"hrs", hour},
                                                                      {"h", hour},
                                                                      {"day", day},
                                                                      {"days", day},
                                                                      {"d", day},
                                                                      {"week", week},
                                                                      {"weeks", week},
                                                                      {"w", week},
                                                                      {"month", month},
                                                                      {"months", month},
                                                                      {"mon", month},
                                                                      {"mons", month},
                                                                      {"quarter", quarter},
                                                                      {"qtr", quarter},
                                                                      {"year", year},
                                                                      {"years", year},
                                                                      {"yr", year},
                                                                      {"yrs", year},
                                                                      {"y", year},
                                                                      {"decade", decade},
                                                                      {"decades", decade},
                                                                      {"dec", decade},
                                                                      {"decs", decade},
                                                                      {"century", century},
                                                                      {"centuries", century},
                                                                      {"cent", century},
                                                                      {"c", century},
                                                                      {"millennium", millennium},
                                                                      {"millennia", millennium},
                                                                      {"mil", millennium},
                                                                      {"mils", millennium},
                                                                      {"dow", day_of_week},
                                                                      {"isodow", iso_day_of_week},
                                                                      {"doy", day_of_year},
                                                                      {"isoyear", iso_year},
                                                                      {"epoch", epoch},
                                                                      {"julian", julian},
                                                                      {"jd", julian},
                                                                      {"j", julian},
                                                                      {"timezone", zone},
                                                                      {"timezone_hour", zone_hour},
                                                                      {"timezone_h", zone_hour},
                                                                      {"timezone_minute", zone_minute},
                                                                      {"timezone_m", zone_minute}};
  constexpr size_t longest = 16;
  if (name.size() > longest) return std::nullopt;
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const auto found = names.find(lower);
  return found == names.end() ? std::nullopt : std::optional(found->second);
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
