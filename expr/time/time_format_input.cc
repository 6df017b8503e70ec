#include <algorithm>
#include <limits>

#include "base/ascii.h"
#include "expr/text/utf8.h"
#include "expr/time/time_format_fields.h"

// The way of PostgreSQL's formatting.c (DCH_from_char): separators and spaces are lenient unless FX, a number takes as
// many digits as its field has unless something else than a digit follows.

namespace systole {
namespace {

using ascii::is_blank;
using ascii::is_digit;
using ascii::lower;

constexpr row_failure bad_value{"22007", "the text does not match the format"};
constexpr row_failure too_short{"22007", "source string too short for the format"};
constexpr row_failure conflict{"22007", "the format has conflicting values for one field"};
constexpr row_failure only_to_char{"0A000", "formatting field is only supported in to_char"};
constexpr row_failure mixed_calendars{"22007", "invalid combination of date conventions"};

bool is_separator(char c) { return c > ' ' && c < 0x7f && !is_digit(c) && !ascii::is_letter(c); }

/// The hour of a zone has a sign and so is none.
bool takes_digits(format_code code) { return is_number(code) && code != format_code::zone_hour; }

class format_reader {
 public:
  format_reader(std::string_view text, const time_format& format) : text_(text), rest_(text), format_(format) {}

  const row_failure* read(read_fields& into) {
    for (size_t i = 0; i < format_.items.size() && !rest_.empty(); ++i) {
      const format_item& item = format_.items[i];
      const bool is_field = item.kind == format_item::kind::field;
      if (is_field && item.code == format_code::fixed) {
        fixed_ = true;
        continue;
      }
      if (!fixed_ && (is_field || i == 0)) extra_ += skip_blanks();
      if (!is_field) {
        skip_literal(item);
        continue;
      }
      if (const row_failure* problem = read_field(i, into)) return problem;
      if (into.iso && into.gregorian) return &mixed_calendars;
      if (!fixed_) extra_ = skip_blanks();
    }
    return nullptr;
  }

 private:
  /// One blank or separator of the format takes one of the text, or none where it has none; other characters take any.
  void skip_literal(const format_item& item) {
    if (fixed_) return skip_character();
    if (item.kind == format_item::kind::text) {
      if (extra_ > 0) --extra_;
      else skip_character();
      return;
    }
    if (!rest_.empty() && (is_blank(rest_[0]) || is_separator(rest_[0]))) rest_.remove_prefix(1);
    else --extra_;
  }
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
    const size_t before = rest_.size();
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
      if (value <= int64_t{10} * std::numeric_limits<int32_t>::max()) value = value * 10 + (source[at] - '0');
    if (at == digits) return &bad_value;
    if (!greedy && at < width) return &bad_value;
    value = negative ? -value : value;
    if (value != static_cast<int32_t>(value)) return &failures::field_range;
    rest_.remove_prefix(at);
    if (used) *used = before - rest_.size();
    return set(into, value);
  }
  static const row_failure* set(int64_t& into, int64_t value) {
    if (into != 0 && into != value) return &conflict;
    into = value;
    return nullptr;
  }

  /// A whole name, or its first `length` letters: its place, from 0.
  template <size_t N>
  const row_failure* take_name(const std::string_view (&names)[N], size_t length, int64_t& place) {
    for (size_t i = 0; i < N; ++i) {
      const std::string_view name = length ? names[i].substr(0, length) : names[i];
      if (!starts_with(name)) continue;
      rest_.remove_prefix(name.size());
      place = static_cast<int64_t>(i);
      return nullptr;
    }
    return &bad_value;
  }
  const row_failure* take_month(size_t length, read_fields& into) {
    into.gregorian = true;
    int64_t place = 0;
    if (const row_failure* problem = take_name(month_names, length, place)) return problem;
    return set(into.month, place + 1);
  }
  const row_failure* take_roman_month(read_fields& into) {
    static constexpr std::string_view names[12] = {"xii", "xi", "x",  "ix",  "viii", "vii",
                                                   "vi",  "v",  "iv", "iii", "ii",   "i"};
    into.gregorian = true;
    int64_t place = 0;
    if (const row_failure* problem = take_name(names, 0, place)) return problem;
    return set(into.month, 12 - place);
  }
  /// Sunday is 1.
  const row_failure* take_day_name(size_t length, read_fields& into) {
    int64_t place = 0;
    const row_failure* problem = take_name(day_names, length, place);
    if (!problem) problem = set(into.week_day, place);
    ++into.week_day;
    return problem;
  }
  const row_failure* take_iso_day(size_t index, read_fields& into) {
    into.iso = true;
    const row_failure* problem = take_number(index, 1, into.week_day);
    if (++into.week_day > 7) into.week_day = 1;
    return problem;
  }
  /// "2,024"
  const row_failure* take_year_comma(read_fields& into) {
    into.gregorian = true;
    int64_t thousands = 0, ones = 0;
    size_t at = 0;
    while (at < rest_.size() && is_blank(rest_[at])) ++at;
    const bool negative = at < rest_.size() && rest_[at] == '-';
    at += negative || (at < rest_.size() && rest_[at] == '+');
    const size_t first = at;
    for (; at < rest_.size() && is_digit(rest_[at]) && thousands < 1'000'000; ++at)
      thousands = thousands * 10 + (rest_[at] - '0');
    if (at == first || at == rest_.size() || rest_[at] != ',') return &bad_value;
    const size_t second = ++at;
    for (; at < rest_.size() && at < second + 3 && is_digit(rest_[at]); ++at) ones = ones * 10 + (rest_[at] - '0');
    if (at == second) return &bad_value;
    rest_.remove_prefix(at);
    into.year_size = 4;
    return set(into.year, (negative ? -thousands : thousands) * 1000 + ones);
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
    (iso ? into.iso : into.gregorian) = true;
    if (const row_failure* problem = take_number(index, width, into.year, &used)) return problem;
    into.year_size = static_cast<int>(width);
    if (width < 4 && used < 4) {
      int64_t& y = into.year;
      y = y < 70 ? y + 2000 : y < 100 ? y + 1900 : y < 520 ? y + 2000 : y < 1000 ? y + 1000 : y;
    }
    return nullptr;
  }

  const row_failure* read_field(size_t index, read_fields& into) {
    const format_item& item = format_.items[index];
    const row_failure* problem = read_value(index, item, into);
    if (!problem && item.ordinal && takes_digits(item.code)) {
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
      case format_code::microseconds:
      case format_code::fraction: {
        const row_failure* problem = take_number(index, item.width, into.micros, &used);
        if (!problem) scale_fraction(into.micros, used, 6);
        if (item.code == format_code::fraction) into.precision = item.width;
        return problem;
      }
      case format_code::second_of_day: return take_number(index, item.width, into.second_of_day);
      case format_code::zone_name:
      case format_code::zone_offset: return &only_to_char;
      case format_code::zone_hour: return read_zone_hour(index, into);
      case format_code::zone_minute:
        if (into.zone_sign == 0) into.zone_sign = 1;
        return take_number(index, 2, into.zone_minute);
      case format_code::month_name: return take_month(0, into);
      case format_code::month_short: return take_month(3, into);
      case format_code::roman_month: return take_roman_month(into);
      case format_code::day_name: return take_day_name(0, into);
      case format_code::day_short: return take_day_name(3, into);
      case format_code::month: into.gregorian = true; return take_number(index, 2, into.month);
      case format_code::day: into.gregorian = true; return take_number(index, 2, into.day);
      case format_code::day_of_year: into.gregorian = true; return take_number(index, 3, into.day_of_year);
      case format_code::iso_day_of_year: into.iso = true; return take_number(index, 3, into.day_of_year);
      case format_code::day_of_week: into.gregorian = true; return take_number(index, 1, into.week_day);
      case format_code::iso_day_of_week: return take_iso_day(index, into);
      case format_code::week_of_year: into.gregorian = true; return take_number(index, 2, into.week);
      case format_code::iso_week: into.iso = true; return take_number(index, 2, into.week);
      case format_code::week_of_month: into.gregorian = true; return take_number(index, 1, into.week_of_month);
      case format_code::quarter: return take_number(index, 1, ignored);
      case format_code::century: into.gregorian = true; return take_number(index, 2, into.century);
      case format_code::julian: return take_number(index, 1, into.julian);
      case format_code::year_comma: return take_year_comma(into);
      case format_code::year: return read_year(index, into, 4, false);
      case format_code::year3: return read_year(index, into, 3, false);
      case format_code::year2: return read_year(index, into, 2, false);
      case format_code::year1: return read_year(index, into, 1, false);
      case format_code::iso_year: return read_year(index, into, 4, true);
      case format_code::iso_year3: return read_year(index, into, 3, true);
      case format_code::iso_year2: return read_year(index, into, 2, true);
      case format_code::iso_year1: return read_year(index, into, 1, true);
      case format_code::fixed: return nullptr;
    }
    return nullptr;
  }

  /// A separator of the format may have taken the sign.
  const row_failure* read_zone_hour(size_t index, read_fields& into) {
    const bool swallowed = extra_ > 0 && rest_.data() != text_.data() && rest_.data()[-1] == '-';
    into.zone_sign = swallowed ? -1 : 1;
    if (!rest_.empty() && (rest_[0] == '+' || rest_[0] == '-' || rest_[0] == ' ')) {
      into.zone_sign = rest_[0] == '-' ? -1 : 1;
      rest_.remove_prefix(1);
    }
    return take_number(index, 2, into.zone_hour);
  }

  std::string_view text_;
  std::string_view rest_;
  const time_format& format_;
  int extra_ = 0;  ///< blanks of the text beyond those of the format
  bool fixed_ = false;
};

}  // namespace

const row_failure* read_fields_of(std::string_view text, const time_format& format, read_fields& into) {
  return format_reader(text, format).read(into);
}

}  // namespace systole
