#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace systole {

/// The SQL types that columns have. Numbers are part of stored formats: append only.
enum class type_id : uint8_t {
  boolean = 1,      ///< uint8_t 0 or 1
  int32 = 2,        ///< INT
  int64 = 3,        ///< BIGINT
  float64 = 4,      ///< DOUBLE PRECISION
  numeric = 5,      ///< int128 unscaled; NUMERIC(p,s) has one scale, plain NUMERIC one per row
  text = 6,         ///< text_view, UTF-8
  bytea = 7,        ///< text_view, any bytes
  date = 8,         ///< int32_t days since 1970-01-01
  timestamptz = 9,  ///< int64_t microseconds since 1970-01-01T00:00:00Z
  timestamp = 10,   ///< int64_t microseconds, without zone; in expressions only
  interval = 11,    ///< interval_value
  null = 12,        ///< the type of a bare NULL; in expressions only. Stored as boolean, all null.
};

/// A type with NUMERIC's precision and scale. precision 0 means plain NUMERIC: any scale, one per row.
struct data_type {
  type_id id = type_id::null;
  uint8_t precision = 0;
  uint8_t scale = 0;

  friend constexpr bool operator==(const data_type&, const data_type&) = default;
  constexpr bool is(type_id other) const { return id == other; }
  constexpr bool is_text_like() const { return id == type_id::text || id == type_id::bytea; }
  constexpr bool is_number() const {
    return id == type_id::int32 || id == type_id::int64 || id == type_id::float64 || id == type_id::numeric;
  }
  constexpr bool has_row_scales() const { return id == type_id::numeric && precision == 0; }
};

/// Bytes of one value in a column's values buffer: 1, 4, 8 or 16.
constexpr size_t value_width(type_id id) {
  switch (id) {
    case type_id::boolean:
    case type_id::null: return 1;
    case type_id::int32:
    case type_id::date: return 4;
    case type_id::int64:
    case type_id::float64:
    case type_id::timestamptz:
    case type_id::timestamp: return 8;
    case type_id::numeric:
    case type_id::text:
    case type_id::bytea:
    case type_id::interval: return 16;
  }
  return 0;
}

/// PostgreSQL's name in capitals: "NUMERIC(10,2)", "TIMESTAMPTZ".
std::string to_string(data_type type);
/// Parses a manifest's type name ("text", "numeric(10,2)", "double precision", "timestamptz", ...), any case.
result<data_type> parse_type(std::string_view name);

/// One column's name and type.
struct field {
  std::string name;
  data_type type;
  bool nullable = true;
  friend bool operator==(const field&, const field&) = default;
};

/// The columns of a stream, in order. Names are unique.
struct schema {
  std::vector<field> fields;
  /// The index of a name, or -1.
  int find(std::string_view name) const {
    for (size_t i = 0; i < fields.size(); ++i)
      if (fields[i].name == name) return static_cast<int>(i);
    return -1;
  }
  friend bool operator==(const schema&, const schema&) = default;
};

}  // namespace systole
