#include "expr/casts.h"

#include <cmath>
#include <limits>

#include "data/calendar.h"
#include "expr/row_kernel.h"
#include "expr/text/text_input.h"
#include "expr/text/text_output.h"
#include "expr/text/utf8.h"
#include "expr/time/time_range.h"

namespace systole {
namespace {

// Numbers.

template <class To, class From>
void widen(row_writer<To>& out, From value) {
  out.set(static_cast<To>(value));
}

void narrow_bigint(row_writer<int32_t>& out, int64_t value) {
  if (value != static_cast<int32_t>(value)) return out.fail(failures::integer_range);
  out.set(static_cast<int32_t>(value));
}

/// Rounds half to even, as rint in PostgreSQL's dtoi4 and dtoi8.
template <class T>
void round_to_integer(row_writer<T>& out, double value) {
  const double rounded = std::rint(value);
  constexpr double end = sizeof(T) == 4 ? 2147483648.0 : 9223372036854775808.0;
  if (!(rounded >= -end && rounded < end))
    return out.fail(sizeof(T) == 4 ? failures::integer_range : failures::bigint_range);
  out.set(static_cast<T>(rounded));
}

template <class T>
void round_decimal_to_integer(row_writer<T>& out, decimal value) {
  const result<decimal> whole = rescale(value, 0);
  const row_failure& range = sizeof(T) == 4 ? failures::integer_range : failures::bigint_range;
  if (!whole || whole->unscaled != static_cast<T>(whole->unscaled)) return out.fail(range);
  out.set(static_cast<T>(whole->unscaled));
}

template <class T>
void integer_to_decimal(row_writer<decimal>& out, T value) {
  out.set(decimal{value, 0});
}
void double_to_decimal(row_writer<decimal>& out, double value) { out.set(from_double(value)); }
void decimal_to_double(row_writer<double>& out, decimal value) { out.set(to_double(value)); }
void boolean_to_integer(row_writer<int32_t>& out, bool value) { out.set(value); }
void integer_to_boolean(row_writer<bool>& out, int32_t value) { out.set(value != 0); }

struct numeric_target {
  uint8_t precision, scale;
};
void fit_decimal(row_writer<decimal>& out, const numeric_target* target, decimal value) {
  if (value.scale == target->scale && fits_digits(value.unscaled, target->precision)) [[likely]]
    return out.set(value);
  out.set(fit(value, target->precision, target->scale));
}

// Times.

void date_to_timestamp(row_writer<int64_t>& out, int32_t days) {
  int64_t micros;
  if (__builtin_mul_overflow(int64_t{days}, micros_per_day, &micros) || !is_timestamp(micros))
    return out.fail(failures::date_range);
  out.set(micros);
}
void timestamp_to_date(row_writer<int32_t>& out, int64_t micros) { out.set(split_days(micros).day); }
/// The time zone is UTC: a timestamp with and without zone have the same number.
column_ptr same_value(const call_frame& frame) { return retype(frame.arguments[0].values, frame.type); }

// To text.

template <class T, void (*Append)(std::string&, T)>
column_ptr to_text(const call_frame& frame) {
  std::string buffer;
  const size_t size = frame.rows.size;
  column_builder builder(frame.type, size);
  builder.set_size(size);
  const bool nulls = merge_validity(builder, frame.arguments.data(), 1, size);
  if (nulls || !frame.rows.all()) clear_values(builder, size);
  const row_reader<T> values(frame.arguments[0]);
  const column& source = *frame.arguments[0].values;
  text_view* out = builder.mutable_values<text_view>();
  frame.rows.for_each([&](size_t row) {
    if (source.is_null(frame.arguments[0].row(row))) return;
    buffer.clear();
    Append(buffer, values[row]);
    if (buffer.size() > limits::text_value_bytes) {
      builder.set_null(row);
      out[row] = text_view();
      frame.run.fail(row, failures::text_too_long);
      return;
    }
    out[row] = builder.store_text(buffer);
  });
  return builder.finish();
}
void append_short_boolean(std::string& out, bool value) { out += value ? 't' : 'f'; }

// From text.

template <class T, const row_failure* (*Read)(std::string_view, T&)>
void from_text(row_writer<T>& out, std::string_view text) {
  T value{};
  if (const row_failure* problem = Read(text, value)) return out.fail(*problem);
  out.set(value);
}
void bytea_from_text(row_writer<std::string_view>& out, std::string_view text) {
  std::string bytes;
  if (const row_failure* problem = read_bytea(text, bytes)) return out.fail(*problem);
  out.set(bytes);
}

void cut_text(row_writer<std::string_view>& out, const int* characters, std::string_view text) {
  out.set_part(text.substr(0, utf8_offset(text, static_cast<size_t>(*characters))));
}

struct cast_choice {
  kernel run = nullptr;
  function_traits traits{};
};

cast_choice to_text_cast(type_id from) {
  constexpr function_traits slow{.cheap = false};
  switch (from) {
    case type_id::boolean: return {to_text<bool, append_text>};
    case type_id::int32: return {to_text<int32_t, append_text>, slow};
    case type_id::int64: return {to_text<int64_t, append_text>, slow};
    case type_id::float64: return {to_text<double, append_text>, slow};
    case type_id::numeric: return {to_text<decimal, append_text>, slow};
    case type_id::bytea: return {to_text<std::string_view, append_bytea_text>, slow};
    case type_id::date: return {to_text<int32_t, append_date_text>, slow};
    case type_id::timestamp: return {to_text<int64_t, append_timestamp_text>, slow};
    case type_id::timestamptz: return {to_text<int64_t, append_timestamptz_text>, slow};
    case type_id::interval: return {to_text<interval_value, append_interval_text>, slow};
    default: return {};
  }
}

cast_choice from_text_cast(type_id to) {
  constexpr function_traits input{.can_fail = true, .cheap = false};
  switch (to) {
    case type_id::boolean: return {row_kernel<&from_text<bool, read_boolean>>, input};
    case type_id::int32: return {row_kernel<&from_text<int32_t, read_int32>>, input};
    case type_id::int64: return {row_kernel<&from_text<int64_t, read_int64>>, input};
    case type_id::float64: return {row_kernel<&from_text<double, read_double>>, input};
    case type_id::numeric: return {row_kernel<&from_text<decimal, read_numeric>>, input};
    case type_id::bytea: return {row_kernel<&bytea_from_text>, input};
    case type_id::date: return {row_kernel<&from_text<int32_t, read_date>>, input};
    case type_id::timestamp: return {row_kernel<&from_text<int64_t, read_timestamp>>, input};
    case type_id::timestamptz: return {row_kernel<&from_text<int64_t, read_timestamptz>>, input};
    case type_id::interval: return {row_kernel<&from_text<interval_value, read_interval>>, input};
    default: return {};
  }
}

cast_choice choose_cast(type_id from, type_id to) {
  using enum type_id;
  constexpr function_traits fallible{.can_fail = true};
  if (to == text) return to_text_cast(from);
  if (from == text) return from_text_cast(to);
  switch (from) {
    case boolean: return {row_kernel<&boolean_to_integer>};
    case int32:
      if (to == int64) return {row_kernel<&widen<int64_t, int32_t>>};
      if (to == float64) return {row_kernel<&widen<double, int32_t>>};
      if (to == numeric) return {row_kernel<&integer_to_decimal<int32_t>>};
      return {row_kernel<&integer_to_boolean>};
    case int64:
      if (to == int32) return {row_kernel<&narrow_bigint>, fallible};
      if (to == float64) return {row_kernel<&widen<double, int64_t>>};
      return {row_kernel<&integer_to_decimal<int64_t>>};
    case float64:
      if (to == int32) return {row_kernel<&round_to_integer<int32_t>>, fallible};
      if (to == int64) return {row_kernel<&round_to_integer<int64_t>>, fallible};
      return {row_kernel<&double_to_decimal>, fallible};
    case numeric:
      if (to == int32) return {row_kernel<&round_decimal_to_integer<int32_t>>, fallible};
      if (to == int64) return {row_kernel<&round_decimal_to_integer<int64_t>>, fallible};
      return {row_kernel<&decimal_to_double>};
    case date: return {row_kernel<&date_to_timestamp>, fallible};
    case timestamp:
    case timestamptz:
      if (to == date) return {row_kernel<&timestamp_to_date>};
      return {same_value};
    default: return {};
  }
}

}  // namespace

node_ptr make_cast(node_ptr from, data_type to) {
  const data_type type = from->type();
  if (type == to) return from;
  if (type.id == type_id::null) return make_null_node(to);
  if (type.id == to.id) {  // NUMERIC: another precision
    if (to.precision == 0) return make_call_node(same_value, to, {std::move(from)}, {});
    return make_call_node(row_kernel<&fit_decimal>, to, {std::move(from)}, {.can_fail = true},
                          std::make_shared<const numeric_target>(numeric_target{to.precision, to.scale}));
  }
  if (to.id == type_id::numeric && to.precision != 0)
    return make_cast(make_cast(std::move(from), {type_id::numeric}), to);
  const cast_choice choice = choose_cast(type.id, to.id);
  assert(choice.run);
  return make_call_node(choice.run, to, {std::move(from)}, choice.traits);
}

node_ptr make_length_cut(node_ptr from, int characters) {
  return make_call_node(row_kernel<&cut_text, text_result::part_of_argument>, {type_id::text}, {std::move(from)}, {},
                        std::make_shared<const int>(characters));
}

node_ptr make_output_text(node_ptr from) {
  if (from->type().id == type_id::boolean)
    return make_call_node(to_text<bool, append_short_boolean>, {type_id::text}, {std::move(from)}, {});
  return make_cast(std::move(from), {type_id::text});
}

constant_read read_constant(std::string_view text, data_type type) {
  if (type.id == type_id::text || type.id == type_id::null) return {make_text_constant(text)->constant()};
  batch one_row(1, {make_text_constant(text)->constant()});
  const evaluation_context context;
  evaluation run(one_row, context);
  const node_ptr cast = make_cast(make_column_node(0, {type_id::text}, false), type);
  column_ptr value = cast->evaluate(run, selection::everything(1));
  if (!run.failures().empty()) return {nullptr, run.failures()[0].why};
  return {compact(*value)};
}

}  // namespace systole
