#include <bit>
#include <cmath>

#include "data/decimal.h"
#include "data/key_cells.h"
#include "data/key_encoding.h"

// The order-preserving encoding of docs/format/key_encoding.md, section "Ordered".
namespace systole {
namespace {

constexpr char marker_value = 0x01;
constexpr char marker_null = 0x02;  // after every value

template <class Unsigned>
void append_big_endian(std::string& out, Unsigned value) {
  for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift & 0xff));
}

/// Two's complement with the sign bit flipped orders as unsigned bytes.
template <class Unsigned, class Signed>
void append_signed(std::string& out, Signed value) {
  append_big_endian(out,
                    static_cast<Unsigned>(static_cast<Unsigned>(value) ^ (Unsigned{1} << (sizeof(Unsigned) * 8 - 1))));
}

void append_float64(std::string& out, double value) {
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();  // one NaN, above infinity
  if (value == 0) value = 0;                                                // -0 is 0
  const auto bits = std::bit_cast<uint64_t>(value);
  append_big_endian(out, bits >> 63 ? ~bits : bits | uint64_t{1} << 63);
}

/// A byte of sign and exponent, then 38 digits as an integer: 0.d1d2... * 10^exponent with d1 > 0.
void append_numeric(std::string& out, int128 unscaled, uint8_t scale) {
  constexpr int zero_byte = 0x80, exponent_bias = 50;
  if (unscaled == 0) {
    out.push_back(static_cast<char>(zero_byte));
    out.append(16, '\0');
    return;
  }
  const bool negative = unscaled < 0;
  uint128 magnitude = negative ? -static_cast<uint128>(unscaled) : static_cast<uint128>(unscaled);
  int digits = 1;
  while (digits < 38 && magnitude >= static_cast<uint128>(power_of_ten(digits))) ++digits;
  magnitude *= static_cast<uint128>(power_of_ten(38 - digits));
  const int exponent = digits - scale + exponent_bias;  // scale <= 38 gives 13..88
  out.push_back(static_cast<char>(negative ? zero_byte - exponent : zero_byte + exponent));
  append_big_endian(out, negative ? ~magnitude : magnitude);
}

/// Zero bytes are escaped, so that the end sorts before any continuation.
void append_escaped(std::string& out, std::string_view text) {
  while (true) {
    const size_t zero = text.find('\0');
    out.append(text.substr(0, zero));
    if (zero == std::string_view::npos) break;
    out.append("\x00\xff", 2);
    text.remove_prefix(zero + 1);
  }
  out.append("\x00\x01", 2);
}

void append_ordered_value(std::string& out, const column& values, size_t row) {
  switch (values.type().id) {
    case type_id::boolean: out.push_back(static_cast<char>(values.values<uint8_t>()[row] != 0)); return;
    case type_id::int32:
    case type_id::date: append_signed<uint32_t>(out, values.values<int32_t>()[row]); return;
    case type_id::int64:
    case type_id::timestamptz:
    case type_id::timestamp: append_signed<uint64_t>(out, values.values<int64_t>()[row]); return;
    case type_id::float64: append_float64(out, values.values<double>()[row]); return;
    case type_id::numeric: append_numeric(out, values.values<int128>()[row], values.scale(row)); return;
    case type_id::text:
    case type_id::bytea: append_escaped(out, values.text(row)); return;
    case type_id::interval:
      append_signed<uint128>(out, key_cells::interval_length(values.values<interval_value>()[row]));
      return;
    case type_id::null: return;
  }
}

}  // namespace

void append_ordered(std::string& out, const column& values, size_t row, bool descending) {
  const size_t before = out.size();
  if (values.is_null(row)) {
    out.push_back(marker_null);
  } else {
    out.push_back(marker_value);
    append_ordered_value(out, values, row);
  }
  if (descending)
    for (size_t i = before; i < out.size(); ++i) out[i] = static_cast<char>(~out[i]);
}

}  // namespace systole
