#include <cmath>
#include <limits>

#include "expr/functions.h"
#include "expr/row_kernel.h"

namespace systole {
namespace {

enum class arithmetic_op { plus, minus, times };

template <arithmetic_op Op, class T>
bool overflows(T a, T b, T& out) {
  if constexpr (Op == arithmetic_op::plus) return __builtin_add_overflow(a, b, &out);
  else if constexpr (Op == arithmetic_op::minus) return __builtin_sub_overflow(a, b, &out);
  else return __builtin_mul_overflow(a, b, &out);
}

template <class T>
const row_failure& range_failure() {
  return sizeof(T) == 4 ? failures::integer_range : failures::bigint_range;
}

/// Integers: computes all rows without a branch, and looks for the row at fault only where one overflowed.
template <arithmetic_op Op, class T>
column_ptr integer_kernel(const call_frame& frame) {
  const size_t size = frame.rows.size;
  column_builder builder(frame.type, size);
  builder.set_size(size);
  const bool nulls = merge_validity(builder, frame.arguments.data(), 2, size);
  const row_reader<T> a(frame.arguments[0]), b(frame.arguments[1]);
  T* out = builder.mutable_values<T>();
  bool any = false;
  for (size_t row = 0; row < size; ++row) any |= overflows<Op>(a[row], b[row], out[row]);
  if (any) {
    const uint64_t* validity = nulls ? builder.mutable_validity() : nullptr;
    frame.rows.for_each([&](size_t row) {
      T ignored;
      if ((validity && !(validity[row / 64] >> (row % 64) & 1)) || !overflows<Op>(a[row], b[row], ignored)) return;
      builder.set_null(row);
      frame.run.fail(row, range_failure<T>());
    });
  }
  return builder.finish();
}

template <class T>
void divide_integers(row_writer<T>& out, T a, T b) {
  if (b == 0) return out.fail(failures::division_by_zero);
  if (b == -1) {
    T negated;
    if (__builtin_sub_overflow(T{0}, a, &negated)) return out.fail(range_failure<T>());
    return out.set(negated);
  }
  out.set(a / b);
}
template <class T>
void remainder_of_integers(row_writer<T>& out, T a, T b) {
  if (b == 0) return out.fail(failures::division_by_zero);
  out.set(b == -1 ? T{0} : a % b);
}
template <class T>
void negate_integer(row_writer<T>& out, T a) {
  T negated;
  if (__builtin_sub_overflow(T{0}, a, &negated)) return out.fail(range_failure<T>());
  out.set(negated);
}
template <class T>
void absolute_integer(row_writer<T>& out, T a) {
  if (a < 0) return negate_integer(out, a);
  out.set(a);
}

/// PostgreSQL's checks: an infinite result of finite operands is an overflow, a zero result of others an underflow.
template <arithmetic_op Op>
void compute_doubles(row_writer<double>& out, double a, double b) {
  const double value = Op == arithmetic_op::plus ? a + b : Op == arithmetic_op::minus ? a - b : a * b;
  if (std::isinf(value) && !std::isinf(a) && !std::isinf(b)) [[unlikely]]
    return out.fail(failures::float_overflow);
  if (Op == arithmetic_op::times && value == 0 && a != 0 && b != 0) [[unlikely]]
    return out.fail(failures::float_underflow);
  out.set(value);
}
void divide_doubles(row_writer<double>& out, double a, double b) {
  if (b == 0 && !std::isnan(a)) return out.fail(failures::division_by_zero);
  const double value = a / b;
  if (std::isinf(value) && !std::isinf(a)) return out.fail(failures::float_overflow);
  if (value == 0 && a != 0 && !std::isinf(b)) return out.fail(failures::float_underflow);
  out.set(value);
}

/// Values whose sum or difference certainly has at most 38 digits.
constexpr int128 small_enough = static_cast<int128>(10'000'000'000'000'000'000u) * 1'000'000'000'000'000'000;  // 10^37
bool is_small(int128 value) { return value < small_enough && value > -small_enough; }
bool fits_64_bits(int128 value) { return value == static_cast<int64_t>(value); }

template <arithmetic_op Op>
void compute_decimals(row_writer<decimal>& out, decimal a, decimal b) {
  if constexpr (Op == arithmetic_op::times) {
    if (fits_64_bits(a.unscaled) && fits_64_bits(b.unscaled) && a.scale + b.scale <= limits::numeric_digits) [[likely]]
      return out.set(decimal{a.unscaled * b.unscaled, static_cast<uint8_t>(a.scale + b.scale)});
    out.set(multiply(a, b));
  } else {
    if (a.scale == b.scale && is_small(a.unscaled) && is_small(b.unscaled)) [[likely]]
      return out.set(decimal{Op == arithmetic_op::plus ? a.unscaled + b.unscaled : a.unscaled - b.unscaled, a.scale});
    out.set(Op == arithmetic_op::plus ? add(a, b) : subtract(a, b));
  }
}
void divide_decimals(row_writer<decimal>& out, decimal a, decimal b) { out.set(divide(a, b)); }
void remainder_of_decimals(row_writer<decimal>& out, decimal a, decimal b) { out.set(modulo(a, b)); }
void negate_decimal(row_writer<decimal>& out, decimal a) { out.set(decimal{-a.unscaled, a.scale}); }
void absolute_decimal(row_writer<decimal>& out, decimal a) {
  out.set(decimal{a.unscaled < 0 ? -a.unscaled : a.unscaled, a.scale});
}
void keep_decimal(row_writer<decimal>& out, decimal a) { out.set(a); }
void negate_double(row_writer<double>& out, double a) { out.set(-a); }
void absolute_double(row_writer<double>& out, double a) { out.set(std::fabs(a)); }

column_ptr identity(const call_frame& frame) {
  const operand& only = frame.arguments[0];
  return only.constant ? fill_column(*only.values, frame.rows.size) : only.values;
}

template <int Mode>
void combine_bits(row_writer<int64_t>& out, int64_t a, int64_t b) {
  out.set(Mode == 0 ? a & b : Mode == 1 ? a | b : a ^ b);
}
template <int Mode>
void combine_bits_32(row_writer<int32_t>& out, int32_t a, int32_t b) {
  out.set(Mode == 0 ? a & b : Mode == 1 ? a | b : a ^ b);
}

template <class T>
void add_integer(std::vector<function_entry>& table, type_id type) {
  table.push_back({"+", {type, type}, type, integer_kernel<arithmetic_op::plus, T>, fallible});
  table.push_back({"-", {type, type}, type, integer_kernel<arithmetic_op::minus, T>, fallible});
  table.push_back({"*", {type, type}, type, integer_kernel<arithmetic_op::times, T>, fallible});
  table.push_back({"/", {type, type}, type, row_kernel<&divide_integers<T>>, fallible});
  table.push_back({"%", {type, type}, type, row_kernel<&remainder_of_integers<T>>, fallible});
  table.push_back({"mod", {type, type}, type, row_kernel<&remainder_of_integers<T>>, fallible});
  table.push_back({"-", {type}, type, row_kernel<&negate_integer<T>>, fallible});
  table.push_back({"+", {type}, type, identity});
  table.push_back({"@", {type}, type, row_kernel<&absolute_integer<T>>, fallible});
  table.push_back({"abs", {type}, type, row_kernel<&absolute_integer<T>>, fallible});
}

}  // namespace

void add_arithmetic(std::vector<function_entry>& table) {
  using enum type_id;
  add_integer<int32_t>(table, int32);
  add_integer<int64_t>(table, int64);

  table.push_back({"+", {float64, float64}, float64, row_kernel<&compute_doubles<arithmetic_op::plus>>, fallible});
  table.push_back({"-", {float64, float64}, float64, row_kernel<&compute_doubles<arithmetic_op::minus>>, fallible});
  table.push_back({"*", {float64, float64}, float64, row_kernel<&compute_doubles<arithmetic_op::times>>, fallible});
  table.push_back({"/", {float64, float64}, float64, row_kernel<&divide_doubles>, fallible});
  table.push_back({"-", {float64}, float64, row_kernel<&negate_double>});
  table.push_back({"+", {float64}, float64, identity});
  table.push_back({"@", {float64}, float64, row_kernel<&absolute_double>});
  table.push_back({"abs", {float64}, float64, row_kernel<&absolute_double>});

  table.push_back({"+", {numeric, numeric}, numeric, row_kernel<&compute_decimals<arithmetic_op::plus>>, fallible});
  table.push_back({"-", {numeric, numeric}, numeric, row_kernel<&compute_decimals<arithmetic_op::minus>>, fallible});
  table.push_back({"*", {numeric, numeric}, numeric, row_kernel<&compute_decimals<arithmetic_op::times>>, fallible});
  table.push_back({"/", {numeric, numeric}, numeric, row_kernel<&divide_decimals>, fallible});
  table.push_back({"%", {numeric, numeric}, numeric, row_kernel<&remainder_of_decimals>, fallible});
  table.push_back({"mod", {numeric, numeric}, numeric, row_kernel<&remainder_of_decimals>, fallible});
  table.push_back({"-", {numeric}, numeric, row_kernel<&negate_decimal>});
  table.push_back({"+", {numeric}, numeric, row_kernel<&keep_decimal>});
  table.push_back({"@", {numeric}, numeric, row_kernel<&absolute_decimal>});
  table.push_back({"abs", {numeric}, numeric, row_kernel<&absolute_decimal>});

  table.push_back({"&", {int32, int32}, int32, row_kernel<&combine_bits_32<0>>});
  table.push_back({"|", {int32, int32}, int32, row_kernel<&combine_bits_32<1>>});
  table.push_back({"#", {int32, int32}, int32, row_kernel<&combine_bits_32<2>>});
  table.push_back({"&", {int64, int64}, int64, row_kernel<&combine_bits<0>>});
  table.push_back({"|", {int64, int64}, int64, row_kernel<&combine_bits<1>>});
  table.push_back({"#", {int64, int64}, int64, row_kernel<&combine_bits<2>>});
}

}  // namespace systole
