#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "base/ascii.h"
#include "data/calendar.h"
#include "expr/text/text_input.h"
#include "expr/time/time_range.h"
#include "expr/time/time_zone.h"

// The forms that are read: "YYYY-MM-DD", "YYYY/MM/DD", "MM/DD/YYYY", "YYYYMMDD", "Jan 8 1999", "8 Jan 1999",
// "January 8, 1999", with a time "HH:MM[:SS[.f]] [AM|PM]" (or "HHMMSS" after T) before or after, a zone (Z,
// +-HH[[:]MM[:SS]], UTC, a name or abbreviation), and BC. A fraction is rounded to microseconds. "epoch" is 1970. Words
// that depend on the clock ("now", "today") are refused.

namespace systole {
namespace {

using ascii::is_digit;
using ascii::is_letter;

constexpr row_failure bad_time{"22007", "invalid input syntax for a date or time"};
constexpr row_failure bad_displacement{"22009", "time zone displacement out of range"};
constexpr row_failure depends_on_clock{"0A000", "'now', 'today' and the like are not supported; use ingestion_time()"};

struct time_parts {
  int32_t year = 0, month = 0, day = 0;
  int64_t time_micros = 0;
  bool has_date = false, has_time = false, before_christ = false, epoch = false;
  enum { none, am, pm } half = none;
  std::shared_ptr<const zone_rule> zone;
};

struct number {
  int32_t value = 0;
  size_t digits = 0;
};

class time_reader {
 public:
  explicit time_reader(std::string_view text) : rest_(trim_blanks(text)) {}

  const row_failure* read(time_parts& parts) {
    if (rest_.empty()) return &bad_time;
    while (!rest_.empty()) {
      const char next = rest_.front();
      const row_failure* problem = nullptr;
      if (next == ' ' || next == ',' || (next >= '\t' && next <= '\r')) rest_.remove_prefix(1);
      else if (is_digit(next)) problem = read_digits(parts);
      else if ((next == '+' || next == '-') && parts.has_date) problem = read_offset(parts);
      else if (is_letter(next)) problem = read_word(parts);
      else return &bad_time;
      if (problem) return problem;
    }
    if (parts.epoch) return parts.has_date || parts.has_time ? &bad_time : nullptr;
    if (!parts.has_date && pending_count_ > 0) return &bad_time;
    if (!parts.has_date) return &bad_time;
    return finish(parts);
  }

 private:
  number take_number(size_t most = 9) {
    number made;
    while (made.digits < rest_.size() && made.digits < most && is_digit(rest_[made.digits])) {
      made.value = made.value * 10 + (rest_[made.digits] - '0');
      ++made.digits;
    }
    rest_.remove_prefix(made.digits);
    return made;
  }

  const row_failure* read_digits(time_parts& parts) {
    const number first = take_number();
    if (!rest_.empty() && is_digit(rest_.front())) return &bad_time;
    if (!rest_.empty() && rest_.front() == ':') return read_time(parts, first);
    if (month_named_ && !parts.has_date) return add_to_named(parts, first);
    if (!rest_.empty() && (rest_.front() == '-' || rest_.front() == '/' || rest_.front() == '.') && !parts.has_date)
      return read_date_from(parts, first);
    if (after_t_ && !parts.has_time && (first.digits == 6 || first.digits == 4)) {
      const int32_t hms = first.digits == 6 ? first.value : first.value * 100;
      double fraction = 0;
      if (const row_failure* problem = read_fraction(fraction)) return problem;
      return set_time(parts, hms / 10000, hms / 100 % 100, hms % 100, fraction);
    }
    if (!parts.has_date && (first.digits == 8 || first.digits == 6)) {
      const int32_t year = first.value / 10000;
      return set_date(parts, {year, first.digits == 8 ? size_t{4} : size_t{2}}, first.value / 100 % 100,
                      first.value % 100);
    }
    if (!parts.has_date && pending_count_ < 1) {  // "8 Jan 1999"
      pending_ = first;
      ++pending_count_;
      return nullptr;
    }
    return &bad_time;
  }

  const row_failure* read_date_from(time_parts& parts, number first) {
    const char separator = rest_.front();
    rest_.remove_prefix(1);
    if (!rest_.empty() && is_letter(rest_.front())) {  // "8-Jan-1999", "1999-Jan-08"
      const std::string word = take_word();
      const int month = month_of(word);
      if (!month || rest_.empty() || rest_.front() != separator) return &bad_time;
      rest_.remove_prefix(1);
      const number last = take_number();
      if (last.digits == 0) return &bad_time;
      return first.digits > 2 ? set_date(parts, first, month, last.value) : set_date(parts, last, month, first.value);
    }
    const number second = take_number();
    if (first.digits == 4 && second.digits == 3 && separator == '-' &&
        (rest_.empty() || rest_.front() != separator)) {  // the day of the year
      const civil_date date = civil_from_days(days_from_civil({first.value, 1, 1}) + second.value - 1);
      if (second.value < 1 || date.year != first.value) return &failures::field_range;
      return set_date(parts, first, date.month, date.day);
    }
    if (second.digits == 0 || rest_.empty() || rest_.front() != separator) return &bad_time;
    rest_.remove_prefix(1);
    const number third = take_number();
    if (third.digits == 0 || (!rest_.empty() && is_digit(rest_.front()))) return &bad_time;
    if (first.digits > 2) return set_date(parts, first, second.value, third.value);
    return set_date(parts, third, first.value, second.value);
  }

  const row_failure* add_to_named(time_parts& parts, number value) {
    if (pending_count_ == 0) {
      pending_ = value;
      ++pending_count_;
      return nullptr;
    }
    const bool pending_is_year = pending_.digits > 2;
    return pending_is_year ? set_date(parts, pending_, month_named_, value.value)
                           : set_date(parts, value, month_named_, pending_.value);
  }

  const row_failure* set_date(time_parts& parts, number year, int32_t month, int32_t day) {
    if (parts.has_date) return &bad_time;
    parts.has_date = true;
    parts.year = year.digits == 2 ? (year.value < 70 ? 2000 : 1900) + year.value : year.value;
    parts.month = month;
    parts.day = day;
    return nullptr;
  }

  const row_failure* read_fraction(double& fraction) {
    fraction = 0;
    if (rest_.empty() || rest_.front() != '.') return nullptr;
    size_t digits = 1;
    while (digits < rest_.size() && is_digit(rest_[digits])) ++digits;
    if (digits > 1) std::from_chars(rest_.data(), rest_.data() + digits, fraction);
    rest_.remove_prefix(digits);
    return nullptr;
  }

  const row_failure* read_time(time_parts& parts, number hour) {
    rest_.remove_prefix(1);
    const number minute = take_number(3);
    if (minute.digits == 0) return &bad_time;
    number second;
    double fraction = 0;
    if (!rest_.empty() && rest_.front() == ':') {
      rest_.remove_prefix(1);
      second = take_number(3);
      if (second.digits == 0) return &bad_time;
      if (const row_failure* problem = read_fraction(fraction)) return problem;
    }
    return set_time(parts, hour.value, minute.value, second.value, fraction);
  }

  const row_failure* set_time(time_parts& parts, int32_t hour, int32_t minute, int32_t second, double fraction) {
    if (parts.has_time) return &bad_time;
    parts.has_time = true;
    const auto micros = static_cast<int64_t>(std::rint(fraction * 1e6));
    if (hour > 24 || minute > 59 || second > 60 || (second == 60 && micros > 0) ||
        (hour == 24 && (minute > 0 || second > 0 || micros > 0)))
      return &failures::field_range;
    parts.time_micros = ((static_cast<int64_t>(hour) * 60 + minute) * 60 + second) * micros_per_second + micros;
    return nullptr;
  }

  const row_failure* read_offset(time_parts& parts) {
    if (parts.zone) return &bad_time;
    const bool negative = rest_.front() == '-';
    rest_.remove_prefix(1);
    const number first = take_number();
    if (first.digits == 0) return &bad_time;
    int32_t hours = first.value, minutes = 0, seconds = 0;
    if (first.digits == 4 || first.digits == 3) {
      hours = first.value / 100;
      minutes = first.value % 100;
    } else if (first.digits > 2) {
      return &bad_time;
    } else if (!rest_.empty() && rest_.front() == ':') {
      rest_.remove_prefix(1);
      minutes = take_number(2).value;
      if (!rest_.empty() && rest_.front() == ':') {
        rest_.remove_prefix(1);
        seconds = take_number(2).value;
      }
    }
    if (hours > 15 || minutes > 59 || seconds > 59) return &bad_displacement;
    const int64_t offset = (int64_t{hours} * 3600 + minutes * 60 + seconds) * micros_per_second;
    parts.zone = fixed_zone(negative ? -offset : offset);
    return nullptr;
  }

  std::string take_word() {
    std::string word;
    while (!rest_.empty() &&
           (is_letter(rest_.front()) || ((rest_.front() == '/' || rest_.front() == '_') && !word.empty()))) {
      const char c = rest_.front();
      word += c;
      rest_.remove_prefix(1);
    }
    return word;
  }

  static std::string lower(std::string word) {
    for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return word;
  }

  static int month_of(const std::string& given) {
    static constexpr std::array<std::string_view, 12> names = {"january",   "february", "march",    "april",
                                                               "may",       "june",     "july",     "august",
                                                               "september", "october",  "november", "december"};
    const std::string word = lower(given);
    for (size_t i = 0; i < names.size(); ++i)
      if (word == names[i] || word == names[i].substr(0, 3) || (word == "sept" && i == 8))
        return static_cast<int>(i) + 1;
    return 0;
  }

  static bool is_weekday(const std::string& word) {
    for (const std::string_view name : {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})
      if (word == name || word == name.substr(0, 3)) return true;
    return word == "tues" || word == "wednes" || word == "thur" || word == "thurs";
  }

  const row_failure* read_word(time_parts& parts) {
    const std::string word = take_word();
    const std::string small = lower(word);
    if (small == "t" && parts.has_date && !after_t_) {
      after_t_ = true;
      return rest_.empty() || !is_digit(rest_.front()) ? &bad_time : nullptr;
    }
    if (small == "am" || small == "pm") {
      if (!parts.has_time || parts.half != time_parts::none) return &bad_time;
      parts.half = small == "am" ? time_parts::am : time_parts::pm;
      return nullptr;
    }
    if (small == "bc" || small == "ad") {
      parts.before_christ = small == "bc";
      return nullptr;
    }
    if (small == "epoch") {
      parts.epoch = true;
      return nullptr;
    }
    if (small == "infinity" || small == "inf") return &failures::infinite_time;
    if (small == "now" || small == "today" || small == "tomorrow" || small == "yesterday") return &depends_on_clock;
    if (const int month = month_of(word); month && !parts.has_date && !month_named_) {
      month_named_ = month;
      if (!rest_.empty() && (rest_.front() == '-' || rest_.front() == '.')) rest_.remove_prefix(1);
      return nullptr;
    }
    if (is_weekday(small)) return nullptr;
    if (parts.zone || !parts.has_date) return &bad_time;
    parts.zone = find_zone(word);
    if (parts.zone) return nullptr;
    return word.find('/') != std::string::npos ? &failures::unknown_zone : &bad_time;
  }

  static const row_failure* finish(time_parts& parts) {
    if (parts.before_christ) {
      if (parts.year == 0) return &failures::field_range;
      parts.year = 1 - parts.year;
    } else if (parts.year == 0) {
      return &failures::field_range;
    }
    if (parts.month < 1 || parts.month > 12 || parts.day < 1 || parts.day > days_in_month(parts.year, parts.month))
      return &failures::field_range;
    if (parts.half != time_parts::none) {
      const int64_t hour = parts.time_micros / (3600 * micros_per_second);
      if (hour > 12) return &failures::field_range;
      if (parts.half == time_parts::pm && hour != 12) parts.time_micros += 12 * 3600 * micros_per_second;
      if (parts.half == time_parts::am && hour == 12) parts.time_micros -= 12 * 3600 * micros_per_second;
    }
    return nullptr;
  }

  std::string_view rest_;
  number pending_;
  int pending_count_ = 0;
  int month_named_ = 0;
  bool after_t_ = false;
};

const row_failure* local_micros(const time_parts& parts, int64_t& out) {
  if (parts.epoch) {
    out = 0;
    return nullptr;
  }
  if (parts.year > 294'277 || parts.year < -4713) return &failures::timestamp_range;
  const int64_t days = days_from_civil({parts.year, parts.month, parts.day});
  if (__builtin_mul_overflow(days, micros_per_day, &out) || __builtin_add_overflow(out, parts.time_micros, &out) ||
      !is_timestamp(out))
    return &failures::timestamp_range;
  return nullptr;
}

/// Exactly "YYYY-MM-DD[ T]HH:MM:SS[.f{1,6}]", nearly all timestamps of machines.
bool read_usual(std::string_view text, int64_t& out, size_t& used) {
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' || (text[10] != ' ' && text[10] != 'T') || text[13] != ':' ||
      text[16] != ':')
    return false;
  bool good = true;
  const auto two = [&](size_t at) {
    good &= is_digit(text[at]) && is_digit(text[at + 1]);
    return (text[at] - '0') * 10 + (text[at + 1] - '0');
  };
  const int32_t year = two(0) * 100 + two(2), month = two(5), day = two(8), hour = two(11), minute = two(14),
                second = two(17);
  if (!good || hour > 23 || minute > 59 || second > 59 || month < 1 || month > 12 || day < 1 || year < 1) return false;
  if (day > 28 && day > days_in_month(year, month)) return false;
  int64_t micros = 0;
  used = 19;
  if (text.size() > 19 && text[19] == '.') {
    int64_t unit = 100'000;
    for (used = 20; used < text.size() && is_digit(text[used]); ++used, unit /= 10) {
      if (unit == 0) return false;
      micros += (text[used] - '0') * unit;
    }
  }
  out = days_from_civil({year, month, day}) * micros_per_day +
        ((hour * 60 + minute) * 60 + second) * micros_per_second + micros;
  return true;
}

}  // namespace

const row_failure* read_date(std::string_view text, int32_t& out) {
  if (text.size() == 10) {
    if (const std::optional<int32_t> days = parse_iso_date(text)) {
      if (*days >= -719'162) {
        out = *days;
        return nullptr;
      }
    }
  }
  time_parts parts;
  if (const row_failure* problem = time_reader(text).read(parts)) return problem;
  if (parts.epoch) {
    out = 0;
    return nullptr;
  }
  if (parts.year > 5'874'897 || parts.year < -4713) return &failures::date_range;
  out = days_from_civil({parts.year, parts.month, parts.day});
  return is_date(out) ? nullptr : &failures::date_range;
}

const row_failure* read_timestamp(std::string_view text, int64_t& out) {
  size_t used = 0;
  if (read_usual(text, out, used) && used == text.size()) return nullptr;
  time_parts parts;
  if (const row_failure* problem = time_reader(text).read(parts)) return problem;
  return local_micros(parts, out);
}

const row_failure* read_timestamptz(std::string_view text, int64_t& out) {
  size_t used = 0;
  if (read_usual(text, out, used) && (used == text.size() || (used + 1 == text.size() && text[used] == 'Z') ||
                                      (used + 3 == text.size() && text.substr(used) == "+00") ||
                                      (used + 6 == text.size() && text.substr(used) == "+00:00")))
    return nullptr;
  time_parts parts;
  if (const row_failure* problem = time_reader(text).read(parts)) return problem;
  if (const row_failure* problem = local_micros(parts, out)) return problem;
  if (parts.zone) out = parts.zone->to_utc(out);
  return is_timestamp(out) ? nullptr : &failures::timestamp_range;
}

}  // namespace systole
