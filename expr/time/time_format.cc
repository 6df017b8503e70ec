#include "expr/time/time_format.h"

#include <array>

#include "base/ascii.h"
#include "data/calendar.h"
#include "expr/text/utf8.h"
#include "expr/time/time_units.h"

namespace systole {

const std::string_view month_names[12] = {"january", "february", "march",     "april",   "may",      "june",
                                          "july",    "august",   "september", "october", "november", "december"};
const std::string_view day_names[7] = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};

namespace {

struct keyword {
  std::string_view name;  ///< in capitals
  format_code code;
  bool is_word = false;  ///< also as "Month"
  uint8_t width = 0;     ///< where it is not the name's length
};

/// Longer names before their beginnings.
constexpr std::array keywords = {keyword{"A.D.", format_code::era_dots},
                                 keyword{"A.M.", format_code::half_dots},
                                 keyword{"AD", format_code::era},
                                 keyword{"AM", format_code::half},
                                 keyword{"B.C.", format_code::era_dots},
                                 keyword{"BC", format_code::era},
                                 keyword{"CC", format_code::century},
                                 keyword{"DAY", format_code::day_name, true},
                                 keyword{"DDD", format_code::day_of_year},
                                 keyword{"DD", format_code::day},
                                 keyword{"DY", format_code::day_short, true},
                                 keyword{"D", format_code::day_of_week},
                                 keyword{"FF1", format_code::fraction, false, 1},
                                 keyword{"FF2", format_code::fraction, false, 2},
                                 keyword{"FF3", format_code::fraction, false, 3},
                                 keyword{"FF4", format_code::fraction, false, 4},
                                 keyword{"FF5", format_code::fraction, false, 5},
                                 keyword{"FF6", format_code::fraction, false, 6},
                                 keyword{"FX", format_code::fixed},
                                 keyword{"HH24", format_code::hour24, false, 2},
                                 keyword{"HH12", format_code::hour12, false, 2},
                                 keyword{"HH", format_code::hour12},
                                 keyword{"IDDD", format_code::iso_day_of_year, false, 3},
                                 keyword{"ID", format_code::iso_day_of_week, false, 1},
                                 keyword{"IW", format_code::iso_week},
                                 keyword{"IYYY", format_code::iso_year},
                                 keyword{"IYY", format_code::iso_year3},
                                 keyword{"IY", format_code::iso_year2},
                                 keyword{"I", format_code::iso_year1},
                                 keyword{"J", format_code::julian},
                                 keyword{"MI", format_code::minute},
                                 keyword{"MM", format_code::month},
                                 keyword{"MONTH", format_code::month_name, true},
                                 keyword{"MON", format_code::month_short, true},
                                 keyword{"MS", format_code::milliseconds, false, 3},
                                 keyword{"OF", format_code::zone_offset},
                                 keyword{"P.M.", format_code::half_dots},
                                 keyword{"PM", format_code::half},
                                 keyword{"Q", format_code::quarter},
                                 keyword{"RM", format_code::roman_month},
                                 keyword{"SSSSS", format_code::second_of_day},
                                 keyword{"SSSS", format_code::second_of_day},
                                 keyword{"SS", format_code::second},
                                 keyword{"TZH", format_code::zone_hour, false, 2},
                                 keyword{"TZM", format_code::zone_minute, false, 2},
                                 keyword{"TZ", format_code::zone_name},
                                 keyword{"US", format_code::microseconds, false, 6},
                                 keyword{"WW", format_code::week_of_year},
                                 keyword{"W", format_code::week_of_month},
                                 keyword{"Y,YYY", format_code::year_comma},
                                 keyword{"YYYY", format_code::year},
                                 keyword{"YYY", format_code::year3},
                                 keyword{"YY", format_code::year2},
                                 keyword{"Y", format_code::year1}};

using ascii::lower;

enum class spelling { none, upper, capital, lower };
spelling spelled(std::string_view text, const keyword& word) {
  if (text.size() < word.name.size()) return spelling::none;
  bool upper = true, small = true, capital = word.is_word;
  for (size_t i = 0; i < word.name.size(); ++i) {
    upper &= text[i] == word.name[i];
    small &= text[i] == lower(word.name[i]);
    capital &= text[i] == (i == 0 ? word.name[i] : lower(word.name[i]));
  }
  return upper ? spelling::upper : small ? spelling::lower : capital ? spelling::capital : spelling::none;
}

void add_text(time_format& made, std::string_view character, bool quoted) {
  format_item item;
  const char c = character[0];
  const bool letter = ascii::is_letter(c) || ascii::is_digit(c) || static_cast<unsigned char>(c) >= 0x7f;
  item.kind = quoted               ? format_item::kind::text
              : ascii::is_blank(c) ? format_item::kind::space
              : !letter && c > ' ' ? format_item::kind::separator
                                   : format_item::kind::text;
  item.text = character;
  made.items.push_back(std::move(item));
}

}  // namespace

bool is_number(format_code code) {
  switch (code) {
    case format_code::month_name:
    case format_code::month_short:
    case format_code::day_name:
    case format_code::day_short:
    case format_code::half:
    case format_code::half_dots:
    case format_code::era:
    case format_code::era_dots:
    case format_code::zone_name:
    case format_code::zone_offset:
    case format_code::roman_month: return false;
    default: return true;
  }
}

time_format time_format::parse(std::string_view pattern) {
  time_format made;
  while (!pattern.empty()) {
    bool fill = false;
    if (pattern.starts_with("FM") || pattern.starts_with("fm") || pattern.starts_with("TM") ||
        pattern.starts_with("tm")) {
      fill = lower(pattern[0]) == 'f';
      pattern.remove_prefix(2);
    }
    if (pattern.empty()) break;
    const keyword* found = nullptr;
    spelling how = spelling::none;
    for (const keyword& word : keywords)
      if ((how = spelled(pattern, word)) != spelling::none) {
        found = &word;
        break;
      }
    if (found) {
      pattern.remove_prefix(found->name.size());
      format_item item;
      item.kind = format_item::kind::field;
      item.code = found->code;
      item.letters = how == spelling::upper     ? letter_case::upper
                     : how == spelling::capital ? letter_case::capital
                                                : letter_case::lower;
      item.width = found->width ? found->width : static_cast<uint8_t>(found->name.size());
      item.fill = fill;
      if (pattern.starts_with("TH") || pattern.starts_with("th")) {
        item.ordinal = true;
        item.ordinal_upper = pattern[0] == 'T';
        pattern.remove_prefix(2);
      } else if (pattern.starts_with("SP")) {
        pattern.remove_prefix(2);  // "spell mode", which PostgreSQL reads and ignores
      }
      made.items.push_back(std::move(item));
      continue;
    }
    if (pattern[0] == '"') {
      pattern.remove_prefix(1);
      while (!pattern.empty() && pattern[0] != '"') {
        if (pattern[0] == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
        const size_t width = std::min(utf8_width(pattern[0]), pattern.size());
        add_text(made, pattern.substr(0, width), true);
        pattern.remove_prefix(width);
      }
      if (!pattern.empty()) pattern.remove_prefix(1);
      continue;
    }
    if (pattern[0] == '\\' && pattern.size() > 1 && pattern[1] == '"') pattern.remove_prefix(1);
    const size_t width = std::min(utf8_width(pattern[0]), pattern.size());
    add_text(made, pattern.substr(0, width), false);
    pattern.remove_prefix(width);
  }
  return made;
}

time_fields fields_of_timestamp(int64_t micros, bool has_zone) {
  const day_and_time at = split_days(micros);
  const civil_date date = civil_from_days(at.day);
  time_fields made;
  made.year = date.year;
  made.month = date.month;
  made.day = date.day;
  made.hour = at.micros / 3'600'000'000;
  made.minute = static_cast<int32_t>(at.micros / 60'000'000 % 60);
  made.second = static_cast<int32_t>(at.micros / 1'000'000 % 60);
  made.micros = static_cast<int32_t>(at.micros % 1'000'000);
  made.days = at.day;
  made.has_zone = has_zone;
  return made;
}

time_fields fields_of_interval(const interval_value& span) {
  time_fields made;
  made.year = span.months / 12;
  made.month = span.months % 12;
  made.day = span.days;
  made.hour = span.micros / 3'600'000'000;
  made.minute = static_cast<int32_t>(span.micros / 60'000'000 % 60);
  made.second = static_cast<int32_t>(span.micros / 1'000'000 % 60);
  made.micros = static_cast<int32_t>(span.micros % 1'000'000);
  made.is_interval = true;
  return made;
}

}  // namespace systole
