#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/batch.h"
#include "data/decimal.h"

/// Short ways to make columns in the tests of data/. `std::nullopt` is NULL.
namespace systole::testing {

inline column_ptr texts(const std::vector<std::optional<std::string>>& values, type_id type = type_id::text) {
  column_builder builder({type}, values.size());
  for (const auto& value : values) {
    if (value) builder.append_text_copy(*value);
    else builder.append_null();
  }
  return builder.finish();
}

template <class T>
column_ptr fixed(type_id type, const std::vector<std::optional<T>>& values) {
  column_builder builder({type}, values.size());
  for (const auto& value : values) {
    if (value) builder.append<T>(*value);
    else builder.append_null();
  }
  return builder.finish();
}
inline column_ptr ints(const std::vector<std::optional<int32_t>>& values) { return fixed(type_id::int32, values); }
inline column_ptr bigints(const std::vector<std::optional<int64_t>>& values) { return fixed(type_id::int64, values); }
inline column_ptr doubles(const std::vector<std::optional<double>>& values) { return fixed(type_id::float64, values); }
inline column_ptr booleans(const std::vector<std::optional<uint8_t>>& values) {
  return fixed(type_id::boolean, values);
}
inline column_ptr times(const std::vector<std::optional<int64_t>>& values) {
  return fixed(type_id::timestamptz, values);
}

/// Decimals as text; plain NUMERIC where precision is 0.
inline column_ptr numerics(const std::vector<std::optional<std::string>>& values, uint8_t precision = 0,
                           uint8_t scale = 0) {
  column_builder builder({type_id::numeric, precision, scale}, values.size());
  for (const auto& value : values) {
    if (!value) {
      builder.append_null();
      continue;
    }
    const decimal parsed = parse_decimal(*value).value();
    const decimal fitted = precision ? fit(parsed, precision, scale).value() : parsed;
    builder.append_numeric(fitted.unscaled, fitted.scale);
  }
  return builder.finish();
}

/// Lower-case hexadecimal.
inline std::string hex(std::string_view bytes) {
  std::string out;
  for (const unsigned char c : bytes) {
    out.push_back("0123456789abcdef"[c >> 4]);
    out.push_back("0123456789abcdef"[c & 15]);
  }
  return out;
}

}  // namespace systole::testing
