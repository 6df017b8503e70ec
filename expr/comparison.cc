#include "expr/functions.h"
#include "expr/ordering.h"
#include "expr/row_kernel.h"

namespace systole {
namespace {

enum class relation { equal, unequal, less, less_equal, greater, greater_equal };

template <relation Relation>
constexpr bool holds(int order) {
  switch (Relation) {
    case relation::equal: return order == 0;
    case relation::unequal: return order != 0;
    case relation::less: return order < 0;
    case relation::less_equal: return order <= 0;
    case relation::greater: return order > 0;
    case relation::greater_equal: return order >= 0;
  }
  return false;
}

template <relation Relation, class T>
constexpr bool holds_between(T a, T b) {
  switch (Relation) {
    case relation::equal: return a == b;
    case relation::unequal: return a != b;
    case relation::less: return a < b;
    case relation::less_equal: return a <= b;
    case relation::greater: return a > b;
    case relation::greater_equal: return a >= b;
  }
  return false;
}

template <relation Relation, class T>
void compare_all(uint8_t* out, const T* a, const T* b, bool a_constant, bool b_constant, size_t size) {
  if (b_constant) {
    const T right = *b;
    for (size_t row = 0; row < size; ++row) out[row] = holds_between<Relation>(a[row], right);
  } else if (a_constant) {
    const T left = *a;
    for (size_t row = 0; row < size; ++row) out[row] = holds_between<Relation>(left, b[row]);
  } else {
    for (size_t row = 0; row < size; ++row) out[row] = holds_between<Relation>(a[row], b[row]);
  }
}

/// Integers, dates and times: all rows at once, selected or not, null or not; the loop becomes vector instructions.
template <relation Relation, class T>
column_ptr integer_comparison(const call_frame& frame) {
  column_builder builder(frame.type, frame.rows.size);
  builder.set_size(frame.rows.size);
  merge_validity(builder, frame.arguments.data(), 2, frame.rows.size);
  const operand& a = frame.arguments[0];
  const operand& b = frame.arguments[1];
  compare_all<Relation, T>(builder.mutable_values<uint8_t>(), a.values->values<T>(), b.values->values<T>(), a.constant,
                           b.constant, frame.rows.size);
  return builder.finish();
}

/// NUMERIC columns of one scale compare as 128-bit integers.
template <relation Relation>
void compare_decimals(row_writer<bool>& out, decimal a, decimal b) {
  out.set(holds<Relation>(order(a, b)));
}
template <relation Relation>
column_ptr decimal_comparison(const call_frame& frame) {
  const column& a = *frame.arguments[0].values;
  const column& b = *frame.arguments[1].values;
  const bool one_scale = !a.scales() && !b.scales() && a.type().scale == b.type().scale;
  return one_scale ? integer_comparison<Relation, int128>(frame) : row_kernel<&compare_decimals<Relation>>(frame);
}

template <relation Relation>
void compare_doubles(row_writer<bool>& out, double a, double b) {
  out.set(holds<Relation>(order(a, b)));
}
template <relation Relation>
void compare_booleans(row_writer<bool>& out, bool a, bool b) {
  out.set(holds<Relation>(order(a, b)));
}
template <relation Relation>
void compare_texts(row_writer<bool>& out, std::string_view a, std::string_view b) {
  out.set(holds<Relation>(order(a, b)));
}
template <relation Relation>
void compare_intervals(row_writer<bool>& out, interval_value a, interval_value b) {
  out.set(holds<Relation>(order(a, b)));
}

/// Equality of texts: by length and prefix first, which decides nearly always.
template <relation Relation>
column_ptr text_equality(const call_frame& frame) {
  const size_t size = frame.rows.size;
  column_builder builder(frame.type, size);
  builder.set_size(size);
  const bool nulls = merge_validity(builder, frame.arguments.data(), 2, size);
  uint8_t* out = builder.mutable_values<uint8_t>();
  const operand& first = frame.arguments[0].constant ? frame.arguments[1] : frame.arguments[0];
  const operand& second = frame.arguments[0].constant ? frame.arguments[0] : frame.arguments[1];
  const text_view* a = first.values->values<text_view>();
  const text_view* b = second.values->values<text_view>();
  const size_t a_mask = first.constant ? 0 : ~size_t{0};
  constexpr bool equal = Relation == relation::equal;
  if (second.constant && b->is_inline() && !first.constant) {
    // No pointer is followed: two words decide.
    uint64_t low, high;
    std::memcpy(&low, b, 8);
    std::memcpy(&high, reinterpret_cast<const char*>(b) + 8, 8);
    const char* bytes = reinterpret_cast<const char*>(a);
    for (size_t row = 0; row < size; ++row) {
      uint64_t row_low, row_high;
      std::memcpy(&row_low, bytes + row * 16, 8);
      std::memcpy(&row_high, bytes + row * 16 + 8, 8);
      out[row] = (((row_low ^ low) | (row_high ^ high)) == 0) == equal;
    }
    return builder.finish();
  }
  const size_t b_mask = second.constant ? 0 : ~size_t{0};
  const bool sparse = nulls || !frame.rows.all();
  if (sparse) clear_values(builder, size);
  const uint64_t* validity = nulls ? builder.mutable_validity() : nullptr;
  frame.rows.for_each([&](size_t row) {
    if (validity && !(validity[row / 64] >> (row % 64) & 1)) return;
    out[row] = (a[row & a_mask] == b[row & b_mask]) == equal;
  });
  return builder.finish();
}

template <relation Relation>
void add_relation(std::vector<function_entry>& table, std::string_view name) {
  using enum type_id;
  constexpr bool by_equality = Relation == relation::equal || Relation == relation::unequal;
  for (const type_id type : {int32, date})
    table.push_back({name, {type, type}, boolean, integer_comparison<Relation, int32_t>});
  for (const type_id type : {int64, timestamp, timestamptz})
    table.push_back({name, {type, type}, boolean, integer_comparison<Relation, int64_t>});
  table.push_back({name, {float64, float64}, boolean, row_kernel<&compare_doubles<Relation>>});
  table.push_back({name, {numeric, numeric}, boolean, decimal_comparison<Relation>});
  table.push_back({name, {boolean, boolean}, boolean, row_kernel<&compare_booleans<Relation>>});
  table.push_back({name, {interval, interval}, boolean, row_kernel<&compare_intervals<Relation>>});
  for (const type_id type : {text, bytea}) {
    if constexpr (by_equality) table.push_back({name, {type, type}, boolean, text_equality<Relation>});
    else table.push_back({name, {type, type}, boolean, row_kernel<&compare_texts<Relation>>});
  }
}

}  // namespace

void add_comparisons(std::vector<function_entry>& table) {
  add_relation<relation::equal>(table, "=");
  add_relation<relation::unequal>(table, "<>");
  add_relation<relation::less>(table, "<");
  add_relation<relation::less_equal>(table, "<=");
  add_relation<relation::greater>(table, ">");
  add_relation<relation::greater_equal>(table, ">=");
}

}  // namespace systole
