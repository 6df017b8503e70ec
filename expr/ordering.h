#pragma once

#include <cmath>
#include <compare>

#include "data/decimal.h"
#include "data/type.h"
#include "data/value.h"
#include "expr/row_kernel.h"

namespace systole {

/// PostgreSQL's order of values: -1, 0, 1. NaN equals NaN and is above all; intervals compare by their span with months
/// of 30 days; texts by bytes.
inline int order(bool a, bool b) { return a - b; }
inline int order(int32_t a, int32_t b) { return (a > b) - (a < b); }
inline int order(int64_t a, int64_t b) { return (a > b) - (a < b); }
inline int order(double a, double b) {
  if (std::isnan(a)) return std::isnan(b) ? 0 : 1;
  if (std::isnan(b)) return -1;
  return (a > b) - (a < b);
}
inline int order(decimal a, decimal b) {
  if (a.scale == b.scale) return (a.unscaled > b.unscaled) - (a.unscaled < b.unscaled);
  return compare(a, b);
}
inline int order(std::string_view a, std::string_view b) {
  const int made = a.compare(b);
  return (made > 0) - (made < 0);
}
inline int order(const interval_value& a, const interval_value& b) {
  const auto span = [](const interval_value& v) {
    return static_cast<int128>(v.months) * 30 * 86'400'000'000 + static_cast<int128>(v.days) * 86'400'000'000 +
           v.micros;
  };
  const int128 left = span(a), right = span(b);
  return (left > right) - (left < right);
}

/// Calls `visit` with a null pointer of the C++ type that row_reader reads for a SQL type.
template <class Visitor>
auto with_storage(type_id type, const Visitor& visit) {
  switch (type) {
    case type_id::int32:
    case type_id::date: return visit(static_cast<int32_t*>(nullptr));
    case type_id::int64:
    case type_id::timestamptz:
    case type_id::timestamp: return visit(static_cast<int64_t*>(nullptr));
    case type_id::float64: return visit(static_cast<double*>(nullptr));
    case type_id::numeric: return visit(static_cast<decimal*>(nullptr));
    case type_id::text:
    case type_id::bytea: return visit(static_cast<std::string_view*>(nullptr));
    case type_id::interval: return visit(static_cast<interval_value*>(nullptr));
    case type_id::boolean:
    case type_id::null: break;
  }
  return visit(static_cast<bool*>(nullptr));
}

}  // namespace systole
