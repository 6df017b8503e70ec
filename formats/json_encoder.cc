#include <cmath>
#include <cstring>

#include "data/calendar.h"
#include "formats/record_encoder.h"
#include "formats/value_text.h"

namespace systole {
namespace {

constexpr char hex_digits[] = "0123456789abcdef";

/// Bytes that JSON escapes, 0x80 in each such byte's place (Bit Twiddling Hacks' "determine if a word has a byte...";
/// exact below the first hit, which is all that a test for zero needs).
inline uint64_t escapes_in_8(uint64_t bytes) {
  constexpr uint64_t ones = 0x0101010101010101ull, highs = 0x8080808080808080ull;
  const uint64_t quotes = bytes ^ (ones * '"'), slashes = bytes ^ (ones * '\\');
  return (((bytes - ones * 0x20) & ~bytes) | ((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes)) & highs;
}

char* write_escaped(char* at, unsigned char c) {
  *at++ = '\\';
  switch (c) {
    case '"':
    case '\\': *at++ = static_cast<char>(c); return at;
    case '\n': *at++ = 'n'; return at;
    case '\r': *at++ = 'r'; return at;
    case '\t': *at++ = 't'; return at;
    default:
      std::memcpy(at, "u00", 3);
      at[3] = hex_digits[c >> 4];
      at[4] = hex_digits[c & 15];
      return at + 5;
  }
}

char* write_slowly(char* at, std::string_view text) {
  for (const char each : text) {
    const auto c = static_cast<unsigned char>(each);
    if (c < 0x20 || c == '"' || c == '\\') at = write_escaped(at, c);
    else *at++ = each;
  }
  return at;
}

/// Text without its quotes. Copies 8 bytes at a time and looks for what must be escaped in them.
inline char* write_inside(char* at, std::string_view text) {
  const char* from = text.data();
  size_t left = text.size();
  while (left >= 8) {
    uint64_t bytes;
    std::memcpy(&bytes, from, 8);
    if (escapes_in_8(bytes)) return write_slowly(at, {from, left});
    std::memcpy(at, &bytes, 8);
    at += 8, from += 8, left -= 8;
  }
  if (left == 0) return at;
  uint64_t bytes = 0x2020202020202020ull;
  if (text.size() >= 8) {
    // The last eight bytes again: the first of them are known to be harmless.
    std::memcpy(&bytes, from + left - 8, 8);
    if (escapes_in_8(bytes)) return write_slowly(at, {from, left});
    std::memcpy(at + left - 8, &bytes, 8);
    return at + left;
  }
  std::memcpy(&bytes, from, left);
  if (escapes_in_8(bytes)) return write_slowly(at, {from, left});
  std::memcpy(at, &bytes, 8);
  return at + left;
}

class json_encoder final : public record_encoder {
 public:
  explicit json_encoder(const schema& columns) {
    for (size_t i = 0; i < columns.fields.size(); ++i) {
      std::string prefix(i == 0 ? "{" : ",");
      const std::string& text = columns.fields[i].name;
      std::string room(6 * text.size() + 32, '\0');
      prefix.append(room.data(), static_cast<size_t>(write_json_string(room.data(), text) - room.data()));
      prefix += ':';
      prefix_bytes_ += prefix.size();
      prefixes_.push_back(std::move(prefix));
    }
  }

  void encode(const batch& rows, encode_buffer& out, std::vector<size_t>* row_ends) override {
    const size_t columns = prefixes_.size();
    for (size_t row = 0; row < rows.rows(); ++row) {
      size_t room = prefix_bytes_ + columns * longest_value_text + 16;
      for (size_t c = 0; c < columns; ++c)
        if (rows.at(c).type().is_text_like()) room += 6 * rows.at(c).values<text_view>()[row].size();
      char* at = out.reserve(room);
      if (columns == 0) *at++ = '{';
      for (size_t c = 0; c < columns; ++c) {
        const std::string& prefix = prefixes_[c];
        std::memcpy(at, prefix.data(), prefix.size());
        at += prefix.size();
        const column& values = rows.at(c);
        if (values.is_null(row)) {
          std::memcpy(at, "null", 4);
          at += 4;
        } else {
          at = write_value(at, values, row);
        }
      }
      *at++ = '}';
      *at++ = '\n';
      out.advance(at);
      if (row_ends) row_ends->push_back(out.size());
    }
  }

 private:
  char* write_value(char* at, const column& values, size_t row) {
    switch (values.type().id) {
      case type_id::text: return write_json_string(at, values.values<text_view>()[row].view());
      case type_id::int32: return write_integer(at, values.values<int32_t>()[row]);
      case type_id::int64: return write_integer(at, values.values<int64_t>()[row]);
      case type_id::timestamptz:
      case type_id::timestamp:
        *at++ = '"';
        at = times_.write(at, values.values<int64_t>()[row], 'T', second_fraction::as_needed);
        *at++ = '"';
        return at;
      case type_id::float64: return write_json_double(at, values.values<double>()[row]);
      case type_id::numeric: return write_decimal(at, {values.values<int128>()[row], values.scale(row)});
      case type_id::boolean: {
        const bool value = values.values<uint8_t>()[row];
        std::memcpy(at, value ? "true" : "false", value ? 4 : 5);
        return at + (value ? 4 : 5);
      }
      case type_id::date:
        *at++ = '"';
        at = write_date(at, values.values<int32_t>()[row]);
        *at++ = '"';
        return at;
      case type_id::bytea: return write_bytes(at, values.text(row));
      case type_id::interval: {
        scratch_.clear();
        append_interval(scratch_, values.values<interval_value>()[row]);
        return write_json_string(at, scratch_);  // at most 64 bytes, without anything to escape
      }
      case type_id::null: break;
    }
    std::memcpy(at, "null", 4);
    return at + 4;
  }

  static char* write_json_double(char* at, double value) {
    if (std::isfinite(value)) return write_double(at, value);
    return write_json_string(at, std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  }

  static char* write_bytes(char* at, std::string_view bytes) {
    std::memcpy(at, "\"\\\\x", 4);
    at += 4;
    for (const char c : bytes) {
      *at++ = hex_digits[static_cast<unsigned char>(c) >> 4];
      *at++ = hex_digits[static_cast<unsigned char>(c) & 15];
    }
    *at++ = '"';
    return at;
  }

  std::vector<std::string> prefixes_;  ///< what stands before each value: {"name": or ,"name":
  size_t prefix_bytes_ = 0;
  time_writer times_;
  std::string scratch_;
};

}  // namespace

char* write_json_string(char* at, std::string_view text) {
  *at++ = '"';
  at = write_inside(at, text);
  *at++ = '"';
  return at;
}

std::unique_ptr<record_encoder> make_json_encoder(const schema& columns) {
  return std::make_unique<json_encoder>(columns);
}

result<std::unique_ptr<record_encoder>> make_encoder(std::string_view format, const schema& columns) {
  if (format == "json") return make_json_encoder(columns);
  if (format == "csv") return make_csv_encoder(columns);
  return fail(error_code::invalid_argument, "a sink writes csv or json, not " + std::string(format));
}

}  // namespace systole
