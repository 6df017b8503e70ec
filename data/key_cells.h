#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "data/column.h"
#include "data/uuid_text.h"

/// The cells of the canonical key encoding, version 1 (docs/format/key_encoding.md). Each writer puts one non-null
/// value at `at` and returns the end; the caller has reserved the cell's largest size. Internal to data/.
namespace systole::key_cells {

// Tags: the first byte of each cell. Append only.
inline constexpr uint8_t tag_null = 0x00;
inline constexpr uint8_t tag_false = 0x01;
inline constexpr uint8_t tag_true = 0x02;
inline constexpr uint8_t tag_int32 = 0x03;       ///< whole number that fits 4 bytes
inline constexpr uint8_t tag_int64 = 0x04;       ///< whole number that fits 8 bytes
inline constexpr uint8_t tag_decimal64 = 0x05;   ///< scale, unscaled in 8 bytes
inline constexpr uint8_t tag_decimal128 = 0x06;  ///< scale, unscaled in 16 bytes
inline constexpr uint8_t tag_float64 = 0x07;     ///< any but whole numbers up to 1e38
inline constexpr uint8_t tag_nan = 0x08;
inline constexpr uint8_t tag_long_text = 0x09;  ///< varint length, bytes
inline constexpr uint8_t tag_uuid_text = 0x0a;  ///< 16 bytes
inline constexpr uint8_t tag_bytea = 0x0b;      ///< varint length, bytes
inline constexpr uint8_t tag_date = 0x0c;
inline constexpr uint8_t tag_timestamptz = 0x0d;
inline constexpr uint8_t tag_timestamp = 0x0e;
inline constexpr uint8_t tag_interval = 0x0f;    ///< 16 bytes: microseconds, a month being 30 days
inline constexpr uint8_t tag_short_text = 0x40;  ///< + length below 64, bytes
inline constexpr size_t short_text_bytes = 64;

/// The most bytes of any cell but TEXT and BYTEA, which take at most `text_overhead` and their length.
inline constexpr size_t fixed_cell_bytes = 18;
inline constexpr size_t text_overhead = 6;

template <class T>
inline char* put(char* at, uint8_t tag, T value) {
  *at = static_cast<char>(tag);
  std::memcpy(at + 1, &value, sizeof value);
  return at + 1 + sizeof value;
}

inline char* put_varint(char* at, uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}

inline char* put_boolean(char* at, uint8_t value) {
  *at = static_cast<char>(value ? tag_true : tag_false);
  return at + 1;
}

inline char* put_int32(char* at, int32_t value) { return put(at, tag_int32, value); }

inline char* put_int64(char* at, int64_t value) {
  if (value == static_cast<int32_t>(value)) return put(at, tag_int32, static_cast<int32_t>(value));
  return put(at, tag_int64, value);
}

inline char* put_decimal(char* at, int128 unscaled, uint8_t scale) {
  // Trailing zeros go: 1.50 is 1.5 and 2.00 is 2.
  auto narrow = static_cast<int64_t>(unscaled);
  while (scale > 0 && unscaled != narrow && unscaled % 10 == 0) {
    unscaled /= 10;
    narrow = static_cast<int64_t>(unscaled);
    --scale;
  }
  if (unscaled == narrow) {
    if (narrow == 0) scale = 0;
    while (scale > 0 && narrow % 10 == 0) {
      narrow /= 10;
      --scale;
    }
    if (scale == 0) return put_int64(at, narrow);
    *at = static_cast<char>(tag_decimal64);
    return put(at + 1, scale, narrow);
  }
  *at = static_cast<char>(tag_decimal128);
  return put(at + 1, scale, unscaled);
}

inline char* put_float64(char* at, double value) {
  if (std::isnan(value)) {
    *at = static_cast<char>(tag_nan);
    return at + 1;
  }
  if (std::trunc(value) == value) {
    if (std::fabs(value) < 0x1p62) return put_int64(at, static_cast<int64_t>(value));
    if (std::fabs(value) <= 1e38) return put_decimal(at, static_cast<int128>(value), 0);
  }
  return put(at, tag_float64, value);
}

inline char* put_text(char* at, const text_view& text) {
  const size_t length = text.size();
  const char* from = text.data();
  if (length == uuid_text_bytes && pack_uuid(from, at + 1)) {
    *at = static_cast<char>(tag_uuid_text);
    return at + 1 + uuid_packed_bytes;
  }
  if (length < short_text_bytes) {
    *at++ = static_cast<char>(tag_short_text + length);
  } else {
    *at++ = static_cast<char>(tag_long_text);
    at = put_varint(at, length);
  }
  std::memcpy(at, from, length);
  return at + length;
}

inline char* put_bytea(char* at, const text_view& bytes) {
  *at++ = static_cast<char>(tag_bytea);
  at = put_varint(at, bytes.size());
  std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

/// PostgreSQL compares intervals by their length with months of 30 days and days of 24 hours.
inline int128 interval_length(const interval_value& value) {
  return (static_cast<int128>(value.months) * 30 + value.days) * 86'400'000'000 + value.micros;
}

/// Writes the value of a row that is not null.
inline char* put_value(char* at, const column& values, size_t row) {
  switch (values.type().id) {
    case type_id::boolean: return put_boolean(at, values.values<uint8_t>()[row]);
    case type_id::int32: return put_int32(at, values.values<int32_t>()[row]);
    case type_id::int64: return put_int64(at, values.values<int64_t>()[row]);
    case type_id::float64: return put_float64(at, values.values<double>()[row]);
    case type_id::numeric: return put_decimal(at, values.values<int128>()[row], values.scale(row));
    case type_id::text: return put_text(at, values.values<text_view>()[row]);
    case type_id::bytea: return put_bytea(at, values.values<text_view>()[row]);
    case type_id::date: return put(at, tag_date, values.values<int32_t>()[row]);
    case type_id::timestamptz: return put(at, tag_timestamptz, values.values<int64_t>()[row]);
    case type_id::timestamp: return put(at, tag_timestamp, values.values<int64_t>()[row]);
    case type_id::interval: return put(at, tag_interval, interval_length(values.values<interval_value>()[row]));
    case type_id::null: break;
  }
  *at = static_cast<char>(tag_null);
  return at + 1;
}

/// Writes a row's cell, NULL included.
inline char* put_cell(char* at, const column& values, size_t row) {
  if (values.is_valid(row)) return put_value(at, values, row);
  *at = static_cast<char>(tag_null);
  return at + 1;
}

}  // namespace systole::key_cells
