#include <cmath>
#include <cstring>

#include "base/hexadecimal.h"
#include "data/calendar.h"
#include "formats/record_encoder.h"
#include "formats/value_text.h"

namespace systole {
namespace {


bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;  // nothing at all is null
  for (const char c : text)
    if (c == ',' || c == '"' || c == '\n' || c == '\r') return true;
  return false;
}

char* write_csv_text(char* at, std::string_view text) {
  if (!needs_quotes(text)) {
    std::memcpy(at, text.data(), text.size());
    return at + text.size();
  }
  *at++ = '"';
  for (const char c : text) {
    if (c == '"') *at++ = '"';
    *at++ = c;
  }
  *at++ = '"';
  return at;
}

char* write_word(char* at, std::string_view word) {
  std::memcpy(at, word.data(), word.size());
  return at + word.size();
}

class csv_encoder final : public record_encoder {
 public:
  explicit csv_encoder(const schema& columns) : columns_(columns) {}

  void append_header(encode_buffer& out) const override {
    bool first = true;
    for (const field& each : columns_.fields) {
      char* at = out.reserve(2 * each.name.size() + 8);
      if (!first) *at++ = ',';
      first = false;
      out.advance(write_csv_text(at, each.name));
    }
    out.append("\n");
  }

  void encode_some(const batch& rows, size_t first, size_t count, encode_buffer& out, std::vector<size_t>* row_ends) override {
    const size_t columns = columns_.fields.size();
    for (size_t row = first; row < first + count; ++row) {
      size_t room = columns * longest_value_text + 16;
      for (size_t c = 0; c < columns; ++c)
        if (rows.at(c).type().is_text_like()) room += 2 * rows.at(c).values<text_view>()[row].size();
      char* at = out.reserve(room);
      for (size_t c = 0; c < columns; ++c) {
        if (c) *at++ = ',';
        const column& values = rows.at(c);
        if (values.is_valid(row)) at = write_value(at, values, row);
        else if (columns == 1) at = write_word(at, "\"\"");  // a blank line is no record
      }
      *at++ = '\n';
      out.advance(at);
      if (row_ends) row_ends->push_back(out.size());
    }
  }

 private:
  char* write_value(char* at, const column& values, size_t row) {
    switch (values.type().id) {
      case type_id::text: return write_csv_text(at, values.values<text_view>()[row].view());
      case type_id::int32: return write_integer(at, values.values<int32_t>()[row]);
      case type_id::int64: return write_integer(at, values.values<int64_t>()[row]);
      case type_id::timestamptz:
      case type_id::timestamp: return times_.write(at, values.values<int64_t>()[row], ' ', second_fraction::always);
      case type_id::float64: {
        const double value = values.values<double>()[row];
        if (std::isfinite(value)) return write_double(at, value);
        return write_word(at, std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
      }
      case type_id::numeric: return write_decimal(at, {values.values<int128>()[row], values.scale(row)});
      case type_id::boolean: return write_word(at, values.values<uint8_t>()[row] ? "true" : "false");
      case type_id::date: return write_date(at, values.values<int32_t>()[row]);
      case type_id::bytea:
        at = write_word(at, "\\x");
        for (const char c : values.text(row)) {
          *at++ = hex_digits[static_cast<unsigned char>(c) >> 4];
          *at++ = hex_digits[static_cast<unsigned char>(c) & 15];
        }
        return at;
      case type_id::interval:
        scratch_.clear();
        append_interval(scratch_, values.values<interval_value>()[row]);
        return write_csv_text(at, scratch_);
      case type_id::null: break;
    }
    return at;
  }

  schema columns_;
  time_writer times_;
  std::string scratch_;
};

}  // namespace

std::unique_ptr<record_encoder> make_csv_encoder(const schema& columns) {
  return std::make_unique<csv_encoder>(columns);
}

}  // namespace systole
