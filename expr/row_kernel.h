#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/limits.h"
#include "data/decimal.h"
#include "expr/column_edit.h"
#include "expr/node.h"

namespace systole {

/// Reads an operand's rows as T: bool, int32_t (also dates), int64_t (also times), double, decimal, std::string_view,
/// interval_value. A constant is read without a branch by masking the row.
template <class T>
class row_reader {
 public:
  explicit row_reader(const operand& from) : values_(from.values->values<T>()), mask_(from.constant ? 0 : ~size_t{0}) {}
  T operator[](size_t row) const { return values_[row & mask_]; }

 private:
  const T* values_;
  size_t mask_;
};
template <>
class row_reader<bool> {
 public:
  explicit row_reader(const operand& from)
      : values_(from.values->values<uint8_t>()), mask_(from.constant ? 0 : ~size_t{0}) {}
  bool operator[](size_t row) const { return values_[row & mask_] != 0; }

 private:
  const uint8_t* values_;
  size_t mask_;
};
template <>
class row_reader<std::string_view> {
 public:
  explicit row_reader(const operand& from)
      : values_(from.values->values<text_view>()), mask_(from.constant ? 0 : ~size_t{0}) {}
  std::string_view operator[](size_t row) const { return values_[row & mask_].view(); }

 private:
  const text_view* values_;
  size_t mask_;
};
template <>
class row_reader<decimal> {
 public:
  explicit row_reader(const operand& from)
      : values_(from.values->values<int128>()),
        scales_(from.values->scales()),
        scale_(from.values->type().scale),
        mask_(from.constant ? 0 : ~size_t{0}) {}
  decimal operator[](size_t row) const { return {values_[row & mask_], scales_ ? scales_[row & mask_] : scale_}; }

 private:
  const int128* values_;
  const uint8_t* scales_;
  uint8_t scale_;
  size_t mask_;
};

/// Takes one row's result of a row function: a value, NULL (`null()`), or a failure.
class row_writer_base {
 public:
  row_writer_base(column_builder& builder, evaluation& run) : builder_(builder), run_(run) {}
  void at(size_t row) { row_ = row; }
  void null() {
    std::memset(static_cast<char*>(builder_.mutable_bytes()) + row_ * value_width(builder_.type().id), 0,
                value_width(builder_.type().id));
    builder_.set_null(row_);
  }
  void fail(const row_failure& why) {
    null();
    run_.fail(row_, why);
  }

 protected:
  column_builder& builder_;
  evaluation& run_;
  size_t row_ = 0;
};
template <class T>
class row_writer : public row_writer_base {
 public:
  row_writer(column_builder& builder, evaluation& run)
      : row_writer_base(builder, run), values_(builder.mutable_values<T>()) {}
  void set(T value) { values_[row_] = value; }

 private:
  T* values_;
};
template <>
class row_writer<bool> : public row_writer_base {
 public:
  row_writer(column_builder& builder, evaluation& run)
      : row_writer_base(builder, run), values_(builder.mutable_values<uint8_t>()) {}
  void set(bool value) { values_[row_] = value; }

 private:
  uint8_t* values_;
};
template <>
class row_writer<decimal> : public row_writer_base {
 public:
  row_writer(column_builder& builder, evaluation& run)
      : row_writer_base(builder, run), values_(builder.mutable_values<int128>()), scales_(builder.mutable_scales()) {}
  void set(decimal value) {
    values_[row_] = value.unscaled;
    if (scales_) scales_[row_] = value.scale;
  }
  /// A failure of data/decimal.h by its SQLSTATE.
  void set(const result<decimal>& value) {
    if (value) set(*value);
    else if (value.error().sqlstate == failures::division_by_zero.sqlstate) fail(failures::division_by_zero);
    else if (value.error().sqlstate == failures::not_a_numeric.sqlstate) fail(failures::not_a_numeric);
    else fail(failures::numeric_range);
  }

 private:
  int128* values_;
  uint8_t* scales_;
};
template <>
class row_writer<std::string_view> : public row_writer_base {
 public:
  row_writer(column_builder& builder, evaluation& run)
      : row_writer_base(builder, run), values_(builder.mutable_values<text_view>()) {}
  /// Copies.
  void set(std::string_view value) {
    if (value.size() > limits::text_value_bytes) return fail(failures::text_too_long);
    values_[row_] = builder_.store_text(value);
  }
  /// Points into an argument (the kernel keeps all its arguments' buffers) or into other memory that lives as long.
  void set_part(std::string_view value) { values_[row_] = text_view(value); }
  /// Space for a text of a known length, to be filled at once; nullptr where it is too long (the row failed).
  char* reserve(size_t length) {
    if (length > limits::text_value_bytes) {
      fail(failures::text_too_long);
      return nullptr;
    }
    if (length <= text_view::inline_bytes) return short_;
    return builder_.reserve_text(length);
  }
  /// After reserve: the text is filled.
  void set_reserved(const char* space, size_t length) { values_[row_] = text_view(std::string_view(space, length)); }

 private:
  text_view* values_;
  char short_[text_view::inline_bytes];
};

/// Whether a kernel's text result may point into its text arguments.
enum class text_result { copied, part_of_argument };

namespace row_kernel_detail {

template <class Function>
struct signature;
template <class Result, class... Arguments>
struct signature<void (*)(row_writer<Result>&, Arguments...)> {
  using result_type = Result;
  using argument_types = std::tuple<Arguments...>;
  using prepared_type = void;
};
template <class Result, class Prepared, class... Arguments>
struct signature<void (*)(row_writer<Result>&, const Prepared*, Arguments...)> {
  using result_type = Result;
  using argument_types = std::tuple<Arguments...>;
  using prepared_type = Prepared;
};

}  // namespace row_kernel_detail

/// Makes a kernel of a function of one row: `void f(row_writer<R>&, A...)`, or with what `prepare` made as a pointer
/// before the arguments (nullptr where it made nothing). Called for selected rows without NULL argument only.
template <auto Function, text_result Text = text_result::copied>
column_ptr row_kernel(const call_frame& frame) {
  using traits = row_kernel_detail::signature<decltype(Function)>;
  using result_type = typename traits::result_type;
  using arguments = typename traits::argument_types;
  using prepared_type = typename traits::prepared_type;
  assert(frame.arguments.size() == std::tuple_size_v<arguments>);

  const size_t size = frame.rows.size;
  column_builder builder(frame.type, size);
  builder.set_size(size);
  const bool nulls = merge_validity(builder, frame.arguments.data(), frame.arguments.size(), size);
  if (nulls || !frame.rows.all()) clear_values(builder, size);
  if constexpr (Text == text_result::part_of_argument)
    for (const operand& each : frame.arguments) builder.add_owners(each.values->owners());
  const uint64_t* validity = nulls ? builder.mutable_validity() : nullptr;
  row_writer<result_type> writer(builder, frame.run);

  [&]<size_t... I>(std::index_sequence<I...>) {
    [[maybe_unused]] const auto readers =
        std::make_tuple(row_reader<std::tuple_element_t<I, arguments>>(frame.arguments[I])...);
    frame.rows.for_each([&](size_t row) {
      if (validity && !(validity[row / 64] >> (row % 64) & 1)) return;
      writer.at(row);
      if constexpr (std::is_void_v<prepared_type>) Function(writer, std::get<I>(readers)[row]...);
      else Function(writer, static_cast<const prepared_type*>(frame.prepared), std::get<I>(readers)[row]...);
    });
  }
  (std::make_index_sequence<std::tuple_size_v<arguments>>());
  return builder.finish();
}

}  // namespace systole
