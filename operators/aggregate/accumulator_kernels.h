#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "data/calendar.h"
#include "data/column.h"
#include "data/decimal.h"

/// The arithmetic of fixed-size accumulators, one struct per function and type: a trivially copyable `state` whose zero
/// bytes mean "nothing yet", `add` with weight +1 or -1, and `finish`. Included by accumulator.cc only.
namespace systole::kernels {

/// What a state amounts to.
template <class T>
struct finished {
  enum status_t : uint8_t { value_, null_, out_of_range_ } status = null_;
  uint8_t scale = 0;
  T value{};
  static finished of(T value, uint8_t scale = 0) { return {value_, scale, value}; }
  static finished null() { return {}; }
  static finished out_of_range() { return {out_of_range_, 0, T{}}; }
  friend bool operator==(const finished& a, const finished& b) {
    return a.status == b.status && (a.status != value_ || (a.scale == b.scale && std::memcmp(&a.value, &b.value, sizeof(T)) == 0));
  }
};

template <class T>
struct plain_reader {
  explicit plain_reader(const column* source) : values(source->values<T>()) {}
  T operator()(size_t row) const { return values[row]; }
  const T* values;
};

/// For count: no value is read.
struct no_reader {
  explicit no_reader(const column*) {}
  int operator()(size_t) const { return 0; }
};

struct numeric_reader {
  explicit numeric_reader(const column* source)
      : values(static_cast<const char*>(source->raw_values())), scales(source->scales()), scale(source->type().scale) {}
  decimal operator()(size_t row) const {
    decimal value;
    std::memcpy(&value.unscaled, values + row * sizeof(int128), sizeof(int128));
    value.scale = scales ? scales[row] : scale;
    return value;
  }
  const char* values;
  const uint8_t* scales;
  uint8_t scale;
};

struct count_kernel {
  struct state { int64_t rows; };
  using reader = no_reader;
  using result_value = int64_t;
  static constexpr const char* layout = "count:i64";
  static constexpr bool can_fail = false;
  static void add(state& into, int, int weight) { into.rows += weight; }
  static finished<int64_t> finish(const state& from) { return finished<int64_t>::of(from.rows); }
};

inline finished<int128> finish_decimal(decimal value) {
  if (!fits_digits(value.unscaled, 38)) return finished<int128>::out_of_range();
  return finished<int128>::of(value.unscaled, value.scale);
}

inline finished<int128> average_of(decimal sum, int64_t count) {
  if (!fits_digits(sum.unscaled, 38)) return finished<int128>::out_of_range();
  const result<decimal> quotient = divide(sum, {count, 0});
  return quotient ? finish_decimal(*quotient) : finished<int128>::out_of_range();
}

/// sum(int): BIGINT. The sum wraps only past 2^32 rows of extreme values.
struct sum_int32_kernel {
  struct state { int64_t sum, count; };
  using reader = plain_reader<int32_t>;
  using result_value = int64_t;
  static constexpr const char* layout = "sum:i64,count:i64";
  static constexpr bool can_fail = false;
  static void add(state& into, int32_t value, int weight) {
    into.sum += int64_t{value} * weight;
    into.count += weight;
  }
  static finished<int64_t> finish(const state& from) {
    return from.count == 0 ? finished<int64_t>::null() : finished<int64_t>::of(from.sum);
  }
};

struct average_int32_kernel : sum_int32_kernel {
  using result_value = int128;
  static finished<int128> finish(const state& from) {
    return from.count == 0 ? finished<int128>::null() : average_of({from.sum, 0}, from.count);
  }
};

/// sum(bigint): NUMERIC, exact in 128 bits.
struct sum_int64_kernel {
  struct state { int128 sum; int64_t count; int64_t unused; };
  using reader = plain_reader<int64_t>;
  using result_value = int128;
  static constexpr const char* layout = "sum:i128,count:i64,0:i64";
  static constexpr bool can_fail = false;
  static void add(state& into, int64_t value, int weight) {
    into.sum += int128{value} * weight;
    into.count += weight;
  }
  static finished<int128> finish(const state& from) {
    return from.count == 0 ? finished<int128>::null() : finish_decimal({from.sum, 0});
  }
};

struct average_int64_kernel : sum_int64_kernel {
  static finished<int128> finish(const state& from) {
    return from.count == 0 ? finished<int128>::null() : average_of({from.sum, 0}, from.count);
  }
};

/// sum(numeric): exact; the scale is the largest one seen, as PostgreSQL's. Once the sum has left 38 digits it is out of
/// range until the group is gone, since what was cut cannot be taken back.
struct sum_numeric_kernel {
  struct state { int128 sum; int64_t count; uint8_t scale, overflowed, unused[6]; };
  using reader = numeric_reader;
  using result_value = int128;
  static constexpr const char* layout = "sum:i128,count:i64,scale:u8,overflowed:u8,0:u8x6";
  static constexpr bool can_fail = true;
  static void add(state& into, decimal value, int weight) {
    into.count += weight;
    if (value.scale != into.scale) align(into, value);
    const int128 change = weight < 0 ? -value.unscaled : value.unscaled;
    if (__builtin_add_overflow(into.sum, change, &into.sum)) into.overflowed = 1;
    // As if the group were new, which it is where a barrier comes now.
    if (into.count == 0 && into.sum == 0 && !into.overflowed) into.scale = 0;
  }
  static finished<int128> finish(const state& from) {
    if (from.count == 0) return finished<int128>::null();
    return from.overflowed ? finished<int128>::out_of_range() : finish_decimal({from.sum, from.scale});
  }

 private:
  static void align(state& into, decimal& value) {
    if (value.scale < into.scale) {
      if (__builtin_mul_overflow(value.unscaled, power_of_ten(into.scale - value.scale), &value.unscaled)) into.overflowed = 1;
    } else {
      if (__builtin_mul_overflow(into.sum, power_of_ten(value.scale - into.scale), &into.sum)) into.overflowed = 1;
      into.scale = value.scale;
    }
  }
};

struct average_numeric_kernel : sum_numeric_kernel {
  static finished<int128> finish(const state& from) {
    if (from.count == 0) return finished<int128>::null();
    return from.overflowed ? finished<int128>::out_of_range() : average_of({from.sum, from.scale}, from.count);
  }
};

/// sum(double precision): compensated (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
/// ZAMM 54, 1974), so that order and retractions matter little. NaN and infinities are counted, not added, so that they
/// can be retracted.
struct sum_double_kernel {
  struct state { double sum, compensation; int64_t count; int64_t not_a_number, positive_infinity, negative_infinity; };
  using reader = plain_reader<double>;
  using result_value = double;
  static constexpr const char* layout = "sum:f64,compensation:f64,count:i64,nan:i64,+inf:i64,-inf:i64";
  static constexpr bool can_fail = true;
  static void add(state& into, double value, int weight) {
    into.count += weight;
    if (!std::isfinite(value)) {
      (std::isnan(value) ? into.not_a_number : value > 0 ? into.positive_infinity : into.negative_infinity) += weight;
      return;
    }
    if (weight < 0) value = -value;
    const double sum = into.sum + value;
    into.compensation += std::fabs(into.sum) >= std::fabs(value) ? (into.sum - sum) + value : (value - sum) + into.sum;
    into.sum = sum;
  }
  static finished<double> finish(const state& from) {
    if (from.count == 0) return finished<double>::null();
    if (from.not_a_number != 0 || (from.positive_infinity != 0 && from.negative_infinity != 0)) {
      return finished<double>::of(std::nan(""));
    }
    if (from.positive_infinity != 0) return finished<double>::of(HUGE_VAL);
    if (from.negative_infinity != 0) return finished<double>::of(-HUGE_VAL);
    const double sum = from.sum + from.compensation;
    return std::isfinite(sum) ? finished<double>::of(sum) : finished<double>::out_of_range();
  }
};

struct average_double_kernel : sum_double_kernel {
  static finished<double> finish(const state& from) {
    finished<double> sum = sum_double_kernel::finish(from);
    if (sum.status == finished<double>::value_) sum.value /= static_cast<double>(from.count);
    return sum;
  }
};

struct sum_interval_kernel {
  struct state { int64_t months, days, micros, count; };
  using reader = plain_reader<interval_value>;
  using result_value = interval_value;
  static constexpr const char* layout = "months:i64,days:i64,micros:i64,count:i64";
  static constexpr bool can_fail = true;
  static void add(state& into, interval_value value, int weight) {
    into.months += int64_t{value.months} * weight;
    into.days += int64_t{value.days} * weight;
    into.micros += value.micros * weight;
    into.count += weight;
  }
  static finished<interval_value> finish(const state& from) {
    if (from.count == 0) return finished<interval_value>::null();
    return in_range(from.months, from.days, from.micros);
  }
  static finished<interval_value> in_range(int64_t months, int64_t days, int64_t micros) {
    if (months != static_cast<int32_t>(months) || days != static_cast<int32_t>(days)) {
      return finished<interval_value>::out_of_range();
    }
    return finished<interval_value>::of({static_cast<int32_t>(months), static_cast<int32_t>(days), micros});
  }
};

/// PostgreSQL's interval_div: fractions of a month go to days (30 to a month), fractions of a day to microseconds.
struct average_interval_kernel : sum_interval_kernel {
  static finished<interval_value> finish(const state& from) {
    if (from.count == 0) return finished<interval_value>::null();
    const auto n = static_cast<double>(from.count);
    const auto micro_rounded = [](double seconds) { return std::rint(seconds * 1e6) / 1e6; };
    const auto months = static_cast<int64_t>(static_cast<double>(from.months) / n);
    auto days = static_cast<int64_t>(static_cast<double>(from.days) / n);
    const double month_rest_days =
        micro_rounded((static_cast<double>(from.months) / n - static_cast<double>(months)) * 30);
    double rest_seconds = micro_rounded((static_cast<double>(from.days) / n - static_cast<double>(days) + month_rest_days -
                                         std::trunc(month_rest_days)) * 86'400);
    if (std::fabs(rest_seconds) >= 86'400) {
      days += static_cast<int64_t>(rest_seconds / 86'400);
      rest_seconds -= std::trunc(rest_seconds / 86'400) * 86'400;
    }
    days += static_cast<int64_t>(month_rest_days);
    const double micros = std::rint(static_cast<double>(from.micros) / n + rest_seconds * 1e6);
    return in_range(months, days, static_cast<int64_t>(micros));
  }
};

/// bool_and (All) and bool_or.
template <bool All>
struct bool_kernel {
  struct state { int64_t trues, falses; };
  using reader = plain_reader<uint8_t>;
  using result_value = uint8_t;
  static constexpr const char* layout = "trues:i64,falses:i64";
  static constexpr bool can_fail = false;
  static void add(state& into, uint8_t value, int weight) { (value ? into.trues : into.falses) += weight; }
  static finished<uint8_t> finish(const state& from) {
    if (from.trues == 0 && from.falses == 0) return finished<uint8_t>::null();
    return finished<uint8_t>::of(All ? from.falses == 0 : from.trues != 0);
  }
};

/// The order of values within one type; NaN is the greatest double.
template <class T>
int order_of(const T& a, const T& b) { return a < b ? -1 : b < a; }
inline int order_of(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
  return a < b ? -1 : b < a;
}
inline int order_of(const decimal& a, const decimal& b) { return compare(a, b); }
/// As PostgreSQL's interval_cmp: a month is 30 days, a day 24 hours.
inline int order_of(const interval_value& a, const interval_value& b) {
  const auto span = [](const interval_value& value) {
    return int128{value.micros} + (int128{value.months} * 30 + value.days) * micros_per_day;
  };
  return order_of<int128>(span(a), span(b));
}

/// min and max of an append-only stream, in place.
template <class T, class Reader, bool Max>
struct extreme_kernel {
  struct state { T value; uint8_t present, unused[7]; };
  using reader = Reader;
  using result_value = T;
  static constexpr const char* layout = "value,present:u8,0:u8x7";
  static constexpr bool can_fail = false;
  static void add(state& into, const T& value, int) {
    if (into.present && (Max ? order_of(value, into.value) <= 0 : order_of(value, into.value) >= 0)) return;
    into.value = value;
    into.present = 1;
  }
  static finished<T> finish(const state& from) {
    return from.present ? finished<T>::of(from.value) : finished<T>::null();
  }
};
template <bool Max>
struct extreme_numeric_kernel {
  struct state { int128 unscaled; uint8_t scale, present, unused[14]; };
  using reader = numeric_reader;
  using result_value = int128;
  static constexpr const char* layout = "unscaled:i128,scale:u8,present:u8,0:u8x14";
  static constexpr bool can_fail = false;
  static void add(state& into, const decimal& value, int) {
    const int order = into.present ? compare(value, {into.unscaled, into.scale}) : 0;
    if (into.present && (Max ? order <= 0 : order >= 0)) return;
    into.unscaled = value.unscaled;
    into.scale = value.scale;
    into.present = 1;
  }
  static finished<int128> finish(const state& from) {
    return from.present ? finished<int128>::of(from.unscaled, from.scale) : finished<int128>::null();
  }
};

}  // namespace systole::kernels
