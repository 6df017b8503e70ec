#include <cstdlib>

#include "base/ascii.h"
#include "data/calendar.h"
#include "expr/time/time_format.h"
#include "expr/time/time_units.h"

namespace systole {
namespace {

using ascii::lower;
using ascii::upper;

constexpr row_failure not_of_interval{"22007", "invalid format specification for an interval value"};
constexpr std::string_view roman[12] = {"I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"};

class field_writer {
 public:
  field_writer(std::string& out, const time_fields& at) : out_(out), at_(at) {}

  const row_failure* write(const format_item& item) {
    if (item.code == format_code::fixed) return nullptr;
    const size_t start = out_.size();
    if (at_.is_interval && !is_of_interval(item.code)) return &not_of_interval;
    write_field(item);
    if (item.ordinal && is_number(item.code)) write_ordinal(item, start);
    return nullptr;
  }

 private:
  static bool is_of_interval(format_code code) {
    switch (code) {
      case format_code::zone_name:
      case format_code::zone_hour:
      case format_code::zone_minute:
      case format_code::zone_offset:
      case format_code::era:
      case format_code::era_dots:
      case format_code::month_name:
      case format_code::month_short:
      case format_code::day_name:
      case format_code::day_short:
      case format_code::day_of_week:
      case format_code::iso_day_of_week: return false;
      default: return true;
    }
  }

  /// Zeros up to the width of the digits; `width_with_sign`: of the sign and the digits.
  void number_with_sign(const format_item& item, int64_t value, int width_with_sign) {
    number(item, value, width_with_sign - (value < 0));
  }
  void number(const format_item& item, int64_t value, int width) {
    if (value < 0) {
      out_ += '-';
      value = -value;
    }
    const std::string digits = std::to_string(value);
    if (!item.fill && static_cast<int>(digits.size()) < width)
      out_.append(static_cast<size_t>(width) - digits.size(), '0');
    out_ += digits;
  }

  void word(const format_item& item, std::string_view name, size_t padded) {
    for (size_t i = 0; i < name.size(); ++i)
      out_ += item.letters == letter_case::upper || (item.letters == letter_case::capital && i == 0) ? upper(name[i])
                                                                                                     : lower(name[i]);
    if (!item.fill && name.size() < padded) out_.append(padded - name.size(), ' ');
  }

  /// Years before Christ count from 1.
  int64_t shown_year(int64_t year) const { return at_.is_interval || year > 0 ? year : 1 - year; }

  void write_ordinal(const format_item& item, size_t start) {
    const char last = out_.back();
    const bool teen = out_.size() - start >= 2 && out_[out_.size() - 2] == '1';
    const char* suffix = teen ? "th" : last == '1' ? "st" : last == '2' ? "nd" : last == '3' ? "rd" : "th";
    for (const char* c = suffix; *c; ++c) out_ += item.ordinal_upper ? upper(*c) : *c;
  }

  void write_field(const format_item& item) {
    switch (item.code) {
      case format_code::half: return word(item, at_.hour % 24 >= 12 ? "pm" : "am", 0);
      case format_code::half_dots: return word(item, at_.hour % 24 >= 12 ? "p.m." : "a.m.", 0);
      case format_code::era: return word(item, at_.year <= 0 ? "bc" : "ad", 0);
      case format_code::era_dots: return word(item, at_.year <= 0 ? "b.c." : "a.d.", 0);
      case format_code::hour12: return number(item, at_.hour % 12 == 0 ? 12 : at_.hour % 12, 2);
      case format_code::hour24: return number(item, at_.hour, 2);
      case format_code::minute: return number(item, at_.minute, 2);
      case format_code::second: return number(item, at_.second, 2);
      case format_code::milliseconds: return padded(at_.micros / 1000, 3);
      case format_code::microseconds: return padded(at_.micros, 6);
      case format_code::fraction: return write_fraction(item.width);
      case format_code::second_of_day: return number(item, at_.hour * 3600 + at_.minute * 60 + at_.second, 0);
      case format_code::zone_name:
        if (at_.has_zone) word(item, "utc", 0);
        return;
      case format_code::zone_hour: out_ += "+00"; return;
      case format_code::zone_minute: out_ += "00"; return;
      case format_code::zone_offset: out_ += "+00"; return;
      default: return write_date_field(item);
    }
  }

  void padded(int32_t value, size_t width) {
    const std::string digits = std::to_string(std::abs(value));
    if (value < 0) out_ += '-';
    if (digits.size() < width) out_.append(width - digits.size(), '0');
    out_ += digits;
  }
  void write_fraction(int width) {
    int32_t value = at_.micros;
    for (int i = width; i < 6; ++i) value /= 10;
    padded(value, static_cast<size_t>(width));
  }

  void write_date_field(const format_item& item) {
    const int64_t year = shown_year(at_.year);
    switch (item.code) {
      case format_code::year_comma: {
        out_ += std::to_string(year / 1000) + ',';
        padded(static_cast<int32_t>(year % 1000), 3);
        return;
      }
      case format_code::year: return number(item, year, 4);
      case format_code::year3: return number(item, year % 1000, 3);
      case format_code::year2: return number(item, year % 100, 2);
      case format_code::year1: return number(item, year % 10, 1);
      case format_code::month: return number(item, at_.month, 2);
      case format_code::day: return number_with_sign(item, at_.day, 2);
      case format_code::month_name: return word(item, month_names[at_.month - 1], 9);
      case format_code::month_short: return word(item, month_names[at_.month - 1].substr(0, 3), 3);
      case format_code::day_name: return word(item, day_names[day_of_week(at_.days)], 9);
      case format_code::day_short: return word(item, day_names[day_of_week(at_.days)].substr(0, 3), 3);
      case format_code::day_of_week: return number(item, day_of_week(at_.days) + 1, 1);
      case format_code::iso_day_of_week: return number(item, (day_of_week(at_.days) + 6) % 7 + 1, 1);
      case format_code::quarter:
        if (at_.month != 0) number(item, (at_.month - 1) / 3 + 1, 1);
        return;
      case format_code::week_of_month: return number(item, (at_.day - 1) / 7 + 1, 1);
      case format_code::roman_month: return write_roman(item);
      case format_code::century: {
        const int64_t y = at_.year;
        const int64_t made = at_.is_interval ? y / 100 : y > 0 ? (y - 1) / 100 + 1 : y / 100 - 1;
        return number(item, made, 2);
      }
      default: return write_calendar_field(item);
    }
  }

  void write_roman(const format_item& item) {
    if (at_.month == 0 && at_.year == 0) return;
    const auto index = static_cast<size_t>(((at_.month == 0 ? 12 : at_.month) - 1 + 12) % 12);
    word(item, roman[index], 4);
  }

  void write_calendar_field(const format_item& item) {
    const int32_t of_year = at_.is_interval ? static_cast<int32_t>((at_.year * 12 + at_.month) * 30 + at_.day)
                                            : day_of_year(at_.days, {static_cast<int32_t>(at_.year), 1, 1});
    const iso_week iso = iso_week_of(at_.days);
    switch (item.code) {
      case format_code::day_of_year: return number_with_sign(item, of_year, 3);
      case format_code::iso_day_of_year: return number(item, at_.days - iso_year_start(iso.year) + 1, 3);
      case format_code::week_of_year: return number_with_sign(item, (of_year - 1) / 7 + 1, 2);
      case format_code::iso_week: return number(item, iso.week, 2);
      case format_code::iso_year: return number(item, shown_year(iso.year), 4);
      case format_code::iso_year3: return number(item, shown_year(iso.year) % 1000, 3);
      case format_code::iso_year2: return number(item, shown_year(iso.year) % 100, 2);
      case format_code::iso_year1: return number(item, shown_year(iso.year) % 10, 1);
      case format_code::julian: return number(item, int64_t{at_.days} + julian_of_1970, 0);
      default: return;
    }
  }

  std::string& out_;
  const time_fields& at_;
};

}  // namespace

const row_failure* append_formatted(std::string& out, const time_format& format, const time_fields& fields) {
  field_writer writer(out, fields);
  for (const format_item& item : format.items) {
    if (item.kind != format_item::kind::field) out += item.text;
    else if (const row_failure* problem = writer.write(item)) return problem;
  }
  return nullptr;
}

}  // namespace systole
