#include <cerrno>
#include <cstdlib>
#include <limits>
#include <optional>

#include "data/calendar.h"
#include "expr/time_format.h"
#include "expr/time_range.h"
#include "expr/time_units.h"
#include "expr/utf8.h"

// The way of PostgreSQL's formatting.c (DCH_from_char): separators and spaces are lenient unless FX, a number takes as
// many digits as its field has unless something else than a digit follows.

namespace systole {
namespace {

constexpr row_failure bad_value{"22007", "the text does not match the format"};
constexpr row_failure too_short{"22007", "source string too short for the format"};
constexpr row_failure bad_hour{"22007", "hour is invalid for the 12-hour clock"};
constexpr row_failure conflict{"22007", "the format has conflicting values for one field"};
constexpr row_failure only_to_char{"0A000", "formatting field is only supported in to_char"};
constexpr row_failure mixed_calendars{"22007", "invalid combination of date conventions"};
constexpr row_failure no_year{"22007", "cannot calculate day of year without year information"};
constexpr int64_t julian_of_1970 = 2'440'588;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_separator(char c) {
  return c > ' ' && c < 0x7f && !is_digit(c) && !(lower(c) >= 'a' && lower(c) <= 'z');
}

/// What the fields said; 0 is "not said", as in PostgreSQL.
struct read_fields {
  int64_t year = 0, month = 0, day = 0, day_of_year = 0, iso_week = 0, iso_day = 0, week = 0, week_of_month = 0, century = 0, julian = 0;
  int64_t hour = 0, minute = 0, second = 0, second_of_day = 0, millis = 0, micros = 0, zone_hour = 0, zone_minute = 0;
  int year_size = 0, zone_sign = 0;
  bool clock12 = false, pm = false, bc = false, iso = false, gregorian = false;
};

bool takes_digits(format_code code) {
  switch (code) {
    case format_code::month_name: case format_code::month_short: case format_code::day_name: case format_code::day_short:
    case format_code::half: case format_code::half_dots: case format_code::era: case format_code::era_dots:
    case format_code::zone_name: case format_code::zone_hour: case format_code::zone_offset: case format_code::roman_month:
      return false;
    default: return true;
  }
}

class format_reader {
 public:
  format_reader(std::string_view text, const time_format& format) : rest_(text), format_(format) {}

  const row_failure* read(read_fields& into) {
    int extra = 0;
    for (size_t i = 0; i < format_.items.size() && !rest_.empty(); ++i) {
      const format_item& item = format_.items[i];
      if (!format_.fixed && (item.kind == format_item::kind::field || i == 0)) extra += skip_blanks();
      if (item.kind == format_item::kind::space || item.kind == format_item::kind::separator) {
        if (format_.fixed) {
          skip_character();
        } else {
          --extra;
          if (!rest_.empty() && (is_blank(rest_[0]) || is_separator(rest_[0]))) {
            rest_.remove_prefix(1);
            ++extra;
          }
        }
        continue;
      }
      if (item.kind == format_item::kind::text) {
        if (!format_.fixed && extra > 0) --extra;
        else skip_character();
        continue;
      }
      if (rest_.empty()) break;
      if (const row_failure* problem = read_field(i, into)) return problem;
      if (!format_.fixed) extra = skip_blanks();
    }
    return nullptr;
  }

 private:
  int skip_blanks() {
    int count = 0;
    for (; !rest_.empty() && is_blank(rest_[0]); ++count) rest_.remove_prefix(1);
    return count;
  }
  void skip_character() { rest_.remove_prefix(std::min(rest_.size(), rest_.empty() ? 0 : utf8_width(rest_[0]))); }

  bool next_is_no_digit(size_t index) const {
    const format_item& item = format_.items[index];
    if (item.ordinal) return true;
    if (index + 1 == format_.items.size()) return true;
    const format_item& next = format_.items[index + 1];
    if (next.kind == format_item::kind::field) return !takes_digits(next.code);
    return !(next.text.size() == 1 && is_digit(next.text[0]));
  }

  /// A number of up to `width` characters; `used` are those it took.
  const row_failure* take_number(size_t index, size_t width, int64_t& into, size_t* used = nullptr) {
    const format_item& item = format_.items[index];
    skip_blanks();
    const bool greedy = item.fill || next_is_no_digit(index);
    if (!greedy && rest_.size() < width) return &too_short;
    std::string_view source = greedy ? rest_ : rest_.substr(0, width);
    size_t at = 0;
    while (at < source.size() && is_blank(source[at])) ++at;
    const bool negative = at < source.size() && source[at] == '-';
    if (at < source.size() && (source[at] == '-' || source[at] == '+')) ++at;
    const size_t digits = at;
    int64_t value = 0;
    for (; at < source.size() && is_digit(source[at]); ++at)
      if (value <= std::numeric_limits<int32_t>::max()) value = value * 10 + (source[at] - '0');
    if (at == digits) return &bad_value;
    if (!greedy && at < width) return &bad_value;
    if (value > std::numeric_limits<int32_t>::max()) return &failures::field_range;
    value = negative ? -value : value;
    rest_.remove_prefix(at);
    if (used) *used = at;
    if (into != 0 && into != value) return &conflict;
    into = value;
    return nullptr;
  }

  template <size_t N>
  bool take_name(const std::string_view (&names)[N], size_t length, int64_t& into) {
    for (size_t i = 0; i < N; ++i) {
      const std::string_view name = length ? names[i].substr(0, length) : names[i];
      if (starts_with(name)) {
        rest_.remove_prefix(name.size());
        into = static_cast<int64_t>(i) + 1;
        return true;
      }
    }
    return false;
  }
  bool starts_with(std::string_view name) const {
    if (rest_.size() < name.size()) return false;
    for (size_t k = 0; k < name.size(); ++k)
      if (lower(rest_[k]) != name[k]) return false;
    return true;
  }
  /// One of two words, such as am and pm; true for the second.
  const row_failure* take_either(std::string_view first, std::string_view second, bool& into) {
    if (!starts_with(first) && !starts_with(second)) return &bad_value;
    into = starts_with(second);
    rest_.remove_prefix(first.size());
    return nullptr;
  }

  static void scale_fraction(int64_t& value, size_t used, size_t digits) {
    for (size_t i = used; i < digits; ++i) value *= 10;
  }

  const row_failure* read_year(size_t index, read_fields& into, size_t width, bool iso) {
    size_t used = 0;
    if (const row_failure* problem = take_number(index, width, into.year, &used)) return problem;
    into.year_size = static_cast<int>(width);
    (iso ? into.iso : into.gregorian) = true;
    if (width < 4 && used < 4) {
      int64_t& y = into.year;
      y = y < 70 ? y + 2000 : y < 100 ? y + 1900 : y < 520 ? y + 2000 : y < 1000 ? y + 1000 : y;
    }
    return nullptr;
  }

  const row_failure* read_field(size_t index, read_fields& into) {
    const format_item& item = format_.items[index];
    const row_failure* problem = read_value(index, item, into);
    if (!problem && item.ordinal) {
      for (int i = 0; i < 2 && !rest_.empty(); ++i) skip_character();
    }
    return problem;
  }

  const row_failure* read_value(size_t index, const format_item& item, read_fields& into) {
    size_t used = 0;
    int64_t ignored = 0;
    switch (item.code) {
      case format_code::half: into.clock12 = true; return take_either("am", "pm", into.pm);
      case format_code::half_dots: into.clock12 = true; return take_either("a.m.", "p.m.", into.pm);
      case format_code::era: return take_either("ad", "bc", into.bc);
      case format_code::era_dots: return take_either("a.d.", "b.c.", into.bc);
      case format_code::hour12: into.clock12 = true; return take_number(index, 2, into.hour);
      case format_code::hour24: return take_number(index, 2, into.hour);
      case format_code::minute: return take_number(index, 2, into.minute);
      case format_code::second: return take_number(index, 2, into.second);
      case format_code::milliseconds: {
        const row_failure* problem = take_number(index, 3, into.millis, &used);
        if (!problem) scale_fraction(into.millis, used, 3);
        return problem;
      }
      case format_code::microseconds: case format_code::fraction: {
        const row_failure* problem = take_number(index, item.width, into.micros, &used);
        if (!problem) scale_fraction(into.micros, used, 6);
        return problem;
      }
      case format_code::second_of_day: return take_number(index, item.width, into.second_of_day);
      case format_code::zone_name: case format_code::zone_offset: return &only_to_char;
      case format_code::zone_hour: return read_zone_hour(index, into);
      case format_code::zone_minute: if (into.zone_sign == 0) into.zone_sign = 1; return take_number(index, 2, into.zone_minute);
      case format_code::month_name: into.gregorian = true; return take_name(month_names, 0, into.month) || take_name(month_names, 3, into.month) ? nullptr : &bad_value;
      case format_code::month_short: into.gregorian = true; return take_name(month_names, 3, into.month) ? nullptr : &bad_value;
      case format_code::day_name: return take_name(day_names, 0, ignored) || take_name(day_names, 3, ignored) ? nullptr : &bad_value;
      case format_code::day_short: return take_name(day_names, 3, ignored) ? nullptr : &bad_value;
      case format_code::month: into.gregorian = true; return take_number(index, 2, into.month);
      case format_code::day: into.gregorian = true; return take_number(index, 2, into.day);
      case format_code::day_of_year: into.gregorian = true; return take_number(index, 3, into.day_of_year);
      case format_code::iso_day_of_year: into.iso = true; return take_number(index, 3, into.day_of_year);
      case format_code::day_of_week: return take_number(index, 1, ignored);
      case format_code::iso_day_of_week: into.iso = true; return take_number(index, 1, into.iso_day);
      case format_code::week_of_year: into.gregorian = true; return take_number(index, 2, into.week);
      case format_code::iso_week: into.iso = true; return take_number(index, 2, into.iso_week);
      case format_code::week_of_month: into.gregorian = true; return take_number(index, 1, into.week_of_month);
      case format_code::quarter: return take_number(index, 1, ignored);
      case format_code::century: into.gregorian = true; return take_number(index, 2, into.century);
      case format_code::julian: return take_number(index, 1, into.julian);
      case format_code::year_comma: case format_code::year: return read_year(index, into, 4, false);
      case format_code::year3: return read_year(index, into, 3, false);
      case format_code::year2: return read_year(index, into, 2, false);
      case format_code::year1: return read_year(index, into, 1, false);
      case format_code::iso_year: return read_year(index, into, 4, true);
      case format_code::iso_year3: return read_year(index, into, 3, true);
      case format_code::iso_year2: return read_year(index, into, 2, true);
      case format_code::iso_year1: return read_year(index, into, 1, true);
      case format_code::roman_month: case format_code::fixed: return &only_to_char;
    }
    return nullptr;
  }

  const row_failure* read_zone_hour(size_t index, read_fields& into) {
    into.zone_sign = 1;
    if (rest_[0] == '+' || rest_[0] == '-' || rest_[0] == ' ') {
      into.zone_sign = rest_[0] == '-' ? -1 : 1;
      rest_.remove_prefix(1);
    }
    return take_number(index, 2, into.zone_hour);
  }

  std::string_view rest_;
  const time_format& format_;
};

const row_failure* assemble(read_fields& f, int64_t& out) {
  if (f.iso && f.gregorian) return &mixed_calendars;
  if (f.second_of_day) {
    f.hour = f.second_of_day / 3600;
    f.minute = f.second_of_day / 60 % 60;
    f.second = f.second_of_day % 60;
  }
  if (f.clock12) {
    if (f.hour < 1 || f.hour > 12) return &bad_hour;
    if (f.pm && f.hour < 12) f.hour += 12;
    else if (!f.pm && f.hour == 12) f.hour = 0;
  }
  int64_t year = f.year, month = std::max<int64_t>(f.month, 1), day = std::max<int64_t>(f.day, 1);
  bool have_date = f.month != 0 || f.day != 0;
  if (f.month < 0 || f.day < 0) return &failures::field_range;
  if (f.year_size != 0) {
    if (f.century != 0 && f.year_size <= 2) {
      if (f.bc) f.century = -f.century;
      year = f.year % 100;
      if (year != 0) year += f.century >= 0 ? (f.century - 1) * 100 : (f.century + 1) * 100 - 2 * year + 1;
      else year = f.century >= 0 ? f.century * 100 : f.century * 100 + 1;
    } else {
      if (f.bc) year = -year;
      if (year < 0) ++year;
    }
  } else if (f.century != 0) {
    if (f.bc) f.century = -f.century;
    year = f.century >= 0 ? (f.century - 1) * 100 + 1 : f.century * 100 + 1;
  }
  if (year < -5000 || year > 294'277) return &failures::timestamp_range;
  std::optional<int64_t> days;
  const auto y = static_cast<int32_t>(year);
  if (f.julian) {
    days = f.julian - julian_of_1970;
  } else if (f.iso_week) {
    days = iso_year_start(y) + (f.iso_week - 1) * 7 + (f.iso_day ? f.iso_day - 1 : 0);
  } else if (f.week) {
    days = days_from_civil({y, 1, 1}) + (f.week - 1) * 7;
  } else if (f.day_of_year && !have_date) {
    if (f.year_size == 0 && year == 0) return &no_year;
    days = f.iso ? iso_year_start(y) + f.day_of_year - 1 : days_from_civil({y, 1, 1}) + f.day_of_year - 1;
    if (!f.iso && (f.day_of_year < 1 || f.day_of_year > 366)) return &failures::field_range;
  } else {
    if (f.week_of_month && f.day == 0) day = (f.week_of_month - 1) * 7 + 1;
    if (month > 12 || day < 1 || day > days_in_month(y, static_cast<int32_t>(month))) return &failures::field_range;
    days = days_from_civil({y, static_cast<int32_t>(month), static_cast<int32_t>(day)});
  }
  if (f.hour < 0 || f.hour > 23 || f.minute < 0 || f.minute > 59 || f.second < 0 || f.second > 59) return &failures::field_range;
  if (f.millis < 0 || f.micros < 0) return &failures::field_range;
  int64_t time = ((f.hour * 60 + f.minute) * 60 + f.second) * micros_per_second + f.millis * 1000 + f.micros;
  if (f.zone_sign != 0) {
    if (f.zone_hour < 0 || f.zone_hour > 15 || f.zone_minute < 0 || f.zone_minute > 59) return &failures::field_range;
    time -= f.zone_sign * (f.zone_hour * 60 + f.zone_minute) * 60 * micros_per_second;
  }
  if (__builtin_mul_overflow(*days, micros_per_day, &out) || __builtin_add_overflow(out, time, &out) || !is_timestamp(out))
    return &failures::timestamp_range;
  return nullptr;
}

}  // namespace

const row_failure* read_formatted(std::string_view text, const time_format& format, int64_t& micros) {
  read_fields fields;
  if (const row_failure* problem = format_reader(text, format).read(fields)) return problem;
  return assemble(fields, micros);
}

}  // namespace systole
