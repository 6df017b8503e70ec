#include <cmath>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/hexadecimal.h"
#include "data/calendar.h"
#include "formats/record_encoder.h"
#include "formats/value_text.h"

namespace systole {
namespace {


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

/// Fewer than 8 bytes: two loads that overlap, checked as one word.
inline char* write_short(char* at, const char* from, size_t size) {
  uint64_t bytes = 0x2020202020202020ull;
  if (size >= 4) {
    uint32_t head, tail;
    std::memcpy(&head, from, 4);
    std::memcpy(&tail, from + size - 4, 4);
    bytes = head | uint64_t{tail} << 32;
    if (escapes_in_8(bytes)) return write_slowly(at, {from, size});
    std::memcpy(at, &head, 4);
    std::memcpy(at + size - 4, &tail, 4);
    return at + size;
  }
  for (size_t i = 0; i < size; ++i) reinterpret_cast<char*>(&bytes)[i] = from[i];
  if (escapes_in_8(bytes)) return write_slowly(at, {from, size});
  std::memcpy(at, &bytes, 4);
  return at + size;
}

#ifdef __SSE2__
/// True where one of 16 bytes must be escaped.
inline bool escapes_in_16(__m128i bytes) {
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  return _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash))) != 0;
}
#endif

/// Text without its quotes: copies words and looks for what must be escaped in them. The last word overlaps the one
/// before, whose bytes are known to be harmless.
inline char* write_inside(char* at, std::string_view text) {
  const char* from = text.data();
  const size_t size = text.size();
  if (size < 8) return write_short(at, from, size);
  size_t done = 0;
#ifdef __SSE2__
  if (size >= 16) {
    const auto copy = [at, from](size_t offset) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + offset));
      if (escapes_in_16(bytes)) return false;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(at + offset), bytes);
      return true;
    };
    for (; done + 16 <= size; done += 16)
      if (!copy(done)) return write_slowly(at + done, {from + done, size - done});
    if (done < size && !copy(size - 16)) return write_slowly(at + done, {from + done, size - done});
    return at + size;
  }
#endif
  const auto copy = [at, from](size_t offset) {
    uint64_t bytes;
    std::memcpy(&bytes, from + offset, 8);
    if (escapes_in_8(bytes)) return false;
    std::memcpy(at + offset, &bytes, 8);
    return true;
  };
  for (; done + 8 <= size; done += 8)
    if (!copy(done)) return write_slowly(at + done, {from + done, size - done});
  if (done < size && !copy(size - 8)) return write_slowly(at + done, {from + done, size - done});
  return at + size;
}

/// What stands before each value, {"name": or ,"name": in words of 16 bytes, so that its copy is a few moves.
struct column_prefix {
  std::string words;
  size_t size = 0;
};

class json_encoder final : public record_encoder {
 public:
  explicit json_encoder(const schema& columns) {
    for (size_t i = 0; i < columns.fields.size(); ++i) {
      std::string prefix(i == 0 ? "{" : ",");
      const std::string& text = columns.fields[i].name;
      std::string room(6 * text.size() + 32, '\0');
      prefix.append(room.data(), static_cast<size_t>(write_json_string(room.data(), text) - room.data()));
      prefix += ':';
      const size_t size = prefix.size();
      prefix.resize((size + prefix_word - 1) / prefix_word * prefix_word, ' ');
      prefix_bytes_ += prefix.size();
      prefixes_.push_back({std::move(prefix), size});
    }
  }

  void encode_some(const batch& rows, size_t first, size_t count, encode_buffer& out, std::vector<size_t>* row_ends) override {
    take(rows);
    const size_t fixed = prefix_bytes_ + values_.size() * longest_value_text + prefix_word;
    size_t text_bytes = 0;
    for (const value_column& each : values_)
      if (each.values->type().is_text_like())
        for (size_t row = first; row < first + count; ++row) text_bytes += each.values->values<text_view>()[row].size();
    // Room for them all at once, unless that would be much; pages that are not written to take no memory.
    const size_t all = count * fixed + longest_escape * text_bytes;
    const bool at_once = all <= most_room_bytes;
    char* at = at_once ? out.reserve(all) : nullptr;
    for (size_t row = first; row < first + count; ++row) {
      if (!at_once) at = out.reserve(fixed + room_of_texts(row));
      if (values_.empty()) *at++ = '{';
      for (const value_column& each : values_) {
        for (size_t i = 0; i < each.prefix->size; i += prefix_word)
          std::memcpy(at + i, each.prefix->words.data() + i, prefix_word);
        at += each.prefix->size;
        if (each.validity && !(each.validity[row / 64] >> (row % 64) & 1)) {
          std::memcpy(at, "null", 4);
          at += 4;
        } else if (each.texts) {
          *at++ = '"';
          at = write_inside(at, each.texts[row].view());
          *at++ = '"';
        } else {
          at = write_value(at, *each.values, row);
        }
      }
      *at++ = '}';
      *at++ = '\n';
      if (!at_once || row_ends) out.advance(at);
      if (row_ends) row_ends->push_back(out.size());
    }
    if (at_once) out.advance(at);
  }

 private:
  static constexpr size_t prefix_word = 16;
  static constexpr size_t longest_escape = 6;
  static constexpr size_t most_room_bytes = 8u << 20;

  /// A column of the batch that is written, its pointers at hand.
  struct value_column {
    const column_prefix* prefix = nullptr;
    const uint64_t* validity = nullptr;
    const text_view* texts = nullptr;  ///< TEXT only
    const column* values = nullptr;
  };

  void take(const batch& rows) {
    values_.resize(prefixes_.size());
    for (size_t c = 0; c < values_.size(); ++c) {
      const column& each = rows.at(c);
      values_[c] = {&prefixes_[c], each.validity(), each.type().is(type_id::text) ? each.values<text_view>() : nullptr,
                    &each};
    }
  }

  size_t room_of_texts(size_t row) const {
    size_t bytes = 0;
    for (const value_column& each : values_)
      if (each.values->type().is_text_like()) bytes += longest_escape * each.values->values<text_view>()[row].size();
    return bytes;
  }

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

  std::vector<column_prefix> prefixes_;
  size_t prefix_bytes_ = 0;
  std::vector<value_column> values_;
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
