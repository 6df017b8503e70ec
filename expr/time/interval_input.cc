#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "base/ascii.h"
#include "data/calendar.h"
#include "expr/text/text_input.h"
#include "expr/time/time_units.h"

namespace systole {
namespace {

using ascii::is_digit;
using ascii::is_letter;
using ascii::lower;

constexpr row_failure bad_interval{"22007", "invalid input syntax for type interval"};
constexpr row_failure bad_interval_field{"22015", "interval field value out of range"};

/// Sums the parts in wide integers and cuts fractions down to the next smaller part, as PostgreSQL's interval_in does.
class interval_sum {
 public:
  const row_failure* add(int64_t whole, double fraction, time_unit unit) {
    switch (unit) {
      case time_unit::microseconds: return add_micros(whole, 1, std::rint(fraction));
      case time_unit::milliseconds: return add_micros(whole, 1'000, std::rint(fraction * 1e3));
      case time_unit::second: return add_micros(whole, micros_per_second, std::rint(fraction * 1e6));
      case time_unit::minute: return add_micros(whole, 60 * micros_per_second, std::rint(fraction * 60e6));
      case time_unit::hour: return add_micros(whole, 3600 * micros_per_second, std::rint(fraction * 3600e6));
      case time_unit::day: return add_days(whole, fraction);
      case time_unit::week: {
        const double days = fraction * 7;
        if (__builtin_mul_overflow(whole, int64_t{7}, &whole) ||
            __builtin_add_overflow(whole, static_cast<int64_t>(days), &whole))
          return &bad_interval_field;
        return add_days(whole, days - std::trunc(days));
      }
      case time_unit::month: {
        if (const row_failure* problem = add_months(whole, 1, 0)) return problem;
        const double days = fraction * 30;
        return add_days(static_cast<int64_t>(days), days - std::trunc(days));
      }
      case time_unit::year: return add_months(whole, 12, fraction);
      case time_unit::decade: return add_months(whole, 120, fraction);
      case time_unit::century: return add_months(whole, 1200, fraction);
      case time_unit::millennium: return add_months(whole, 12000, fraction);
      default: return &bad_interval;
    }
  }
  const row_failure* negate() {
    for (int64_t* const part : {&months_, &days_, &micros_})
      if (__builtin_sub_overflow(int64_t{0}, *part, part)) return &bad_interval_field;
    return nullptr;
  }
  const row_failure* finish(interval_value& out) const {
    const auto fits = [](int64_t v) {
      return v >= std::numeric_limits<int32_t>::min() && v <= std::numeric_limits<int32_t>::max();
    };
    if (!fits(months_) || !fits(days_)) return &bad_interval_field;
    out = {static_cast<int32_t>(months_), static_cast<int32_t>(days_), micros_};
    return nullptr;
  }

 private:
  const row_failure* add_micros(int64_t whole, int64_t unit, double extra) {
    int64_t product;
    if (__builtin_mul_overflow(whole, unit, &product) || __builtin_add_overflow(micros_, product, &micros_) ||
        __builtin_add_overflow(micros_, static_cast<int64_t>(extra), &micros_))
      return &bad_interval_field;
    return nullptr;
  }
  const row_failure* add_days(int64_t whole, double fraction) {
    if (__builtin_add_overflow(days_, whole, &days_)) return &bad_interval_field;
    return add_micros(0, 1, std::rint(fraction * 86'400e6));
  }
  const row_failure* add_months(int64_t whole, int64_t unit, double fraction) {
    int64_t product;
    const auto extra = static_cast<int64_t>(std::rint(fraction * static_cast<double>(unit)));
    if (__builtin_mul_overflow(whole, unit, &product) || __builtin_add_overflow(months_, product, &months_) ||
        __builtin_add_overflow(months_, extra, &months_))
      return &bad_interval_field;
    return nullptr;
  }
  int64_t months_ = 0, days_ = 0, micros_ = 0;
};

struct signed_number {
  bool negative = false;
  int64_t whole = 0;
  double fraction = 0;
  size_t digits = 0;
  bool fits = true;
};

class interval_reader {
 public:
  explicit interval_reader(std::string_view text) : rest_(trim_blanks(text)) {}

  const row_failure* read(interval_value& out) {
    if (rest_.empty()) return &bad_interval;
    const row_failure* problem = rest_[0] == 'P' ? read_iso() : read_traditional();
    if (problem) return problem;
    return sum_.finish(out);
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && (ascii::is_blank(rest_.front()) || rest_.front() == ',')) rest_.remove_prefix(1);
  }

  /// Takes a sign if there is one.
  bool take_number(signed_number& made) {
    if (!rest_.empty() && (rest_.front() == '-' || rest_.front() == '+')) {
      made.negative = rest_.front() == '-';
      rest_.remove_prefix(1);
    }
    return take_magnitude(made);
  }
  /// Takes the digits of a number whose sign is known.
  bool take_magnitude(signed_number& made) {
    uint64_t whole = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), whole);
    size_t used = 0;
    while (used < rest_.size() && is_digit(rest_[used])) ++used;
    made.digits = used;
    made.fits = error != std::errc::result_out_of_range &&
                whole <= uint64_t{std::numeric_limits<int64_t>::max()} + made.negative;
    made.whole = static_cast<int64_t>(made.negative ? 0 - whole : whole);
    rest_.remove_prefix(used);
    if (!rest_.empty() && rest_.front() == '.') {
      size_t length = 1;
      while (length < rest_.size() && is_digit(rest_[length])) ++length;
      if (length > 1) std::from_chars(rest_.data(), rest_.data() + length, made.fraction);
      made.digits += length - 1;
      rest_.remove_prefix(length);
    }
    if (made.negative) made.fraction = -made.fraction;
    return made.digits > 0;
  }

  std::string take_word() {
    std::string word;
    while (!rest_.empty() && is_letter(rest_.front())) {
      const char c = rest_.front();
      word += lower(c);
      rest_.remove_prefix(1);
    }
    return word;
  }

  const row_failure* read_traditional() {
    bool any = false, ago = false;
    if (rest_.front() == '@') {
      rest_.remove_prefix(1);
      skip_blanks();
    }
    while (!rest_.empty()) {
      skip_blanks();
      if (rest_.empty()) break;
      if (is_letter(rest_.front())) {
        if (take_word() != "ago" || !any || ago) return &bad_interval;
        ago = true;
        continue;
      }
      if (ago) return &bad_interval;
      signed_number number;
      if (rest_.front() == '-' || rest_.front() == '+') {
        number.negative = rest_.front() == '-';
        rest_.remove_prefix(1);
        while (!rest_.empty() && ascii::is_blank(rest_.front())) rest_.remove_prefix(1);
        if (rest_.empty() || !is_digit(rest_.front())) return &bad_interval;
      }
      if (!take_magnitude(number)) return &bad_interval;
      any = true;
      if (!number.fits) return &bad_interval_field;
      if (const row_failure* problem = read_after(number)) return problem;
    }
    if (!any) return &bad_interval;
    return ago ? sum_.negate() : nullptr;
  }

  const row_failure* read_after(const signed_number& number) {
    if (!rest_.empty() && rest_.front() == ':') return read_clock(number);
    if (!rest_.empty() && rest_.front() == '-' && rest_.size() > 1 && is_digit(rest_[1]) && number.fraction == 0) {
      // SQL's years-months: the sign is of both.
      rest_.remove_prefix(1);
      signed_number months;
      if (!take_number(months) || months.fraction != 0) return &bad_interval;
      if (!months.fits || months.whole >= 12) return &bad_interval_field;
      if (const row_failure* problem = sum_.add(number.whole, 0, time_unit::year)) return problem;
      return sum_.add(number.negative ? -months.whole : months.whole, 0, time_unit::month);
    }
    skip_blanks();
    if (rest_.empty()) return sum_.add(number.whole, number.fraction, time_unit::second);
    if (!is_letter(rest_.front())) {
      // "1 2:03:04": a bare number before a clock time counts days.
      const size_t colon = rest_.find(':');
      if (colon == std::string_view::npos || rest_.find(' ') < colon) return &bad_interval;
      return sum_.add(number.whole, number.fraction, time_unit::day);
    }
    const std::optional<time_unit> found = find_time_unit(take_word());
    if (!found || !first_of(*found)) return &bad_interval;
    return sum_.add(number.whole, number.fraction, *found);
  }

  /// False where a unit comes twice.
  bool first_of(time_unit unit) {
    const uint32_t bit = 1u << static_cast<uint32_t>(unit);
    const bool first = (seen_ & bit) == 0;
    seen_ |= bit;
    return first;
  }

  const row_failure* read_clock(const signed_number& first) {
    if (!first_of(time_unit::hour) || !first_of(time_unit::minute) || !first_of(time_unit::second))
      return &bad_interval;
    rest_.remove_prefix(1);
    signed_number second;
    if (rest_.empty() || !is_digit(rest_.front()) || !take_number(second)) return &bad_interval;
    if (!second.fits) return &bad_interval_field;
    signed_number hours = first, minutes = second, seconds;
    if (!rest_.empty() && rest_.front() == ':') {
      rest_.remove_prefix(1);
      if (rest_.empty() || !is_digit(rest_.front()) || !take_number(seconds)) return &bad_interval;
      if (!seconds.fits) return &bad_interval_field;
    } else if (second.fraction != 0) {  // "mm:ss.fff"
      hours = {};
      minutes = first;
      seconds = second;
    }
    if (minutes.whole > 59 || minutes.whole < -59 || seconds.whole > 60) return &bad_interval_field;
    const int64_t sign = first.negative ? -1 : 1;
    if (const row_failure* problem = sum_.add(hours.whole, 0, time_unit::hour)) return problem;
    if (const row_failure* problem =
            sum_.add(minutes.negative ? minutes.whole : sign * minutes.whole, 0, time_unit::minute))
      return problem;
    return sum_.add(sign * seconds.whole, static_cast<double>(sign) * seconds.fraction, time_unit::second);
  }

  /// ISO 8601 with designators: "P1Y2M3DT4H5M6S", "P2W".
  const row_failure* read_iso() {
    rest_.remove_prefix(1);
    bool in_time = false, any = false;
    while (!rest_.empty()) {
      if (rest_.front() == 'T') {
        if (in_time) return &bad_interval;
        in_time = true;
        rest_.remove_prefix(1);
        continue;
      }
      signed_number number;
      if (!take_number(number) || rest_.empty()) return &bad_interval;
      if (!number.fits) return &bad_interval_field;
      const char designator = rest_.front();
      rest_.remove_prefix(1);
      time_unit unit;
      if (!in_time && designator == 'Y') unit = time_unit::year;
      else if (!in_time && designator == 'M') unit = time_unit::month;
      else if (!in_time && designator == 'W') unit = time_unit::week;
      else if (!in_time && designator == 'D') unit = time_unit::day;
      else if (in_time && designator == 'H') unit = time_unit::hour;
      else if (in_time && designator == 'M') unit = time_unit::minute;
      else if (in_time && designator == 'S') unit = time_unit::second;
      else return &bad_interval;
      if (const row_failure* problem = sum_.add(number.whole, number.fraction, unit)) return problem;
      any = true;
    }
    return any ? nullptr : &bad_interval;
  }

  std::string_view rest_;
  interval_sum sum_;
  uint32_t seen_ = 0;
};

}  // namespace

const row_failure* read_interval(std::string_view text, interval_value& out) { return interval_reader(text).read(out); }

}  // namespace systole
