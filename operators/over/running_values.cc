#include "operators/over/running_values.h"

#include <cmath>

#include "data/decimal.h"
#include "data/key_encoding.h"

namespace systole {
namespace {

constexpr uint32_t none = 0xffffffff;

/// Calls step(row, previous) for the rows of each partition that are there after the change; `previous` is the row
/// before, or `none`.
template <class Step>
void for_each_row(const over_rows& rows, const Step& step) {
  for (size_t p = 0; p + 1 < rows.begins.size(); ++p) {
    uint32_t previous = none;
    for (uint32_t row = rows.begins[p]; row < rows.begins[p + 1]; ++row) {
      if (!rows.after[row]) continue;
      step(row, previous);
      previous = row;
    }
  }
}

/// Gathers values each of which is row i of the argument (index i), or of the stored values (index size + i).
column_ptr pick(const column& argument, const column& stored, const std::vector<uint32_t>& picked) {
  const size_t size = argument.size();
  const column_ptr sources[] = {slice(argument, 0, size), slice(stored, 0, size)};
  return gather_or_null(*concatenate(sources), picked);
}

/// A decimal of any exact number.
decimal exact(const column& values, size_t row) {
  switch (values.type().id) {
    case type_id::int32: return {values.values<int32_t>()[row], 0};
    case type_id::int64: return {values.values<int64_t>()[row], 0};
    default: return {values.values<int128>()[row], values.scale(row)};
  }
}

/// Adds row `row` of the argument to `sum`; false where the result does not fit.
bool add_to(int64_t& sum, const column& argument, size_t row) {
  const int64_t value =
      argument.type().is(type_id::int32) ? argument.values<int32_t>()[row] : argument.values<int64_t>()[row];
  return !__builtin_add_overflow(sum, value, &sum);
}
bool add_to(double& sum, const column& argument, size_t row) {
  const double value = argument.values<double>()[row];
  const bool finite = std::isfinite(sum) && std::isfinite(value);
  sum += value;
  return !finite || std::isfinite(sum);
}
bool add_to(decimal& sum, const column& argument, size_t row) {
  const result<decimal> added = add(sum, exact(argument, row));
  if (added) sum = *added;
  return added.has_value();
}

void read_sum(int64_t& into, const column& stored, size_t row) { into = stored.values<int64_t>()[row]; }
void read_sum(double& into, const column& stored, size_t row) { into = stored.values<double>()[row]; }
void read_sum(decimal& into, const column& stored, size_t row) { into = exact(stored, row); }

void append_sum(column_builder& into, int64_t value) { into.append<int64_t>(value); }
void append_sum(column_builder& into, double value) { into.append<double>(value); }
void append_sum(column_builder& into, decimal value) {
  if (into.mutable_scales()) return into.append_numeric(value.unscaled, value.scale);
  const result<decimal> scaled = rescale(value, into.type().scale);
  if (scaled) into.append_numeric(scaled->unscaled, scaled->scale);
  else into.append_null();
}

template <class Sum>
running_sums sum_of(const over_rows& rows, const column& argument, const column& stored, const column& overflowed) {
  column_builder values(stored.type(), rows.size()), out_of_range({type_id::boolean}, rows.size());
  Sum sum{};
  bool any = false, over = false;
  const auto append = [&] {
    if (any && !over) append_sum(values, sum);
    else values.append_null();
    out_of_range.append<uint8_t>(over);
  };
  for_each_row(rows, [&](uint32_t row, uint32_t previous) {
    while (values.size() < row) {  // rows that are not there
      values.append_null();
      out_of_range.append<uint8_t>(0);
    }
    if (previous == none) {
      any = over = false;
      sum = Sum{};
    }
    if (!rows.recompute[row]) {
      over = overflowed.is_valid(row) && overflowed.values<uint8_t>()[row];
      any = over || stored.is_valid(row);
      if (stored.is_valid(row)) read_sum(sum, stored, row);
    } else if (argument.is_valid(row)) {
      any = true;
      over = over || !add_to(sum, argument, row);
    }
    append();
  });
  while (values.size() < rows.size()) {
    values.append_null();
    out_of_range.append<uint8_t>(0);
  }
  return {values.finish(), out_of_range.finish()};
}

}  // namespace

column_ptr running_count(const over_rows& rows, const column* argument, const column& stored) {
  column_builder builder({type_id::int64}, rows.size());
  auto* counts = builder.mutable_values<int64_t>();
  std::fill_n(counts, rows.size(), 0);
  for_each_row(rows, [&](uint32_t row, uint32_t previous) {
    if (!rows.recompute[row]) counts[row] = stored.values<int64_t>()[row];
    else counts[row] = (previous == none ? 0 : counts[previous]) + (!argument || argument->is_valid(row) ? 1 : 0);
  });
  builder.set_size(rows.size());
  return builder.finish();
}

column_ptr running_first(const over_rows& rows, const column& argument, const column& stored) {
  std::vector<uint32_t> picked(rows.size(), null_row);
  const auto size = static_cast<uint32_t>(rows.size());
  for_each_row(rows, [&](uint32_t row, uint32_t previous) {
    if (!rows.recompute[row]) picked[row] = size + row;
    else picked[row] = previous == none ? row : picked[previous];
  });
  return pick(argument, stored, picked);
}

column_ptr running_extreme(const over_rows& rows, const column& argument, const column& stored, bool max) {
  std::vector<uint32_t> picked(rows.size(), null_row);
  const auto size = static_cast<uint32_t>(rows.size());
  std::string best, candidate;  // ordered encodings; `best` is that of picked[previous]
  for_each_row(rows, [&](uint32_t row, uint32_t previous) {
    if (previous == none) best.clear();
    if (!rows.recompute[row]) {
      if (stored.is_null(row)) return;
      picked[row] = size + row;
      best.clear();
      append_ordered(best, stored, row);
      return;
    }
    if (previous != none) picked[row] = picked[previous];
    if (argument.is_null(row)) return;
    candidate.clear();
    append_ordered(candidate, argument, row);
    if (picked[row] != null_row && (max ? candidate <= best : candidate >= best)) return;
    picked[row] = row;
    best.swap(candidate);
  });
  return pick(argument, stored, picked);
}

running_sums running_sum(const over_rows& rows, const column& argument, const column& stored,
                         const column& overflowed) {
  switch (stored.type().id) {
    case type_id::int64: return sum_of<int64_t>(rows, argument, stored, overflowed);
    case type_id::float64: return sum_of<double>(rows, argument, stored, overflowed);
    default: return sum_of<decimal>(rows, argument, stored, overflowed);
  }
}

}  // namespace systole
