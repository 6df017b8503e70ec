#include "formats/csv_fields.h"

#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace systole {
namespace {

#if defined(__SSE2__)
uint32_t delimiters_in_16(const char* at, char delimiter) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(delimiter))));
}
#else
uint32_t delimiters_in_16(const char* at, char delimiter) {
  uint32_t bits = 0;
  for (int i = 0; i < 16; ++i) bits |= static_cast<uint32_t>(at[i] == delimiter) << i;
  return bits;
}
#endif

size_t line_end_at(std::string_view bytes, size_t from) {
  const size_t end = bytes.find('\n', from);
  return end == std::string_view::npos ? bytes.size() : end;
}

void end_record(std::string_view bytes, size_t end, size_t& length, size_t& consumed) {
  consumed = end < bytes.size() ? end + 1 : end;
  length = end > 0 && bytes[end - 1] == '\r' ? end - 1 : end;
}

}  // namespace

void split_plain_csv_line(std::string_view line, char delimiter, std::vector<csv_field>& fields) {
  fields.clear();
  size_t begin = 0;
  for (size_t block = 0; block < line.size(); block += 16) {
    uint32_t bits = delimiters_in_16(line.data() + block, delimiter);
    if (line.size() - block < 16) bits &= (1u << (line.size() - block)) - 1;
    for (; bits; bits &= bits - 1) {
      const size_t at = block + static_cast<size_t>(std::countr_zero(bits));
      fields.push_back({.text = line.substr(begin, at - begin)});
      begin = at + 1;
    }
  }
  fields.push_back({.text = line.substr(begin)});
}

csv_split split_csv_record(std::string_view bytes, char delimiter, char quote, bool quoted_newlines, bool trim,
                           std::vector<csv_field>& fields, size_t& length, size_t& consumed) {
  fields.clear();
  size_t at = 0;
  for (;;) {
    size_t first = at;
    if (trim)
      while (first < bytes.size() && (bytes[first] == ' ' || bytes[first] == '\t') && bytes[first] != delimiter)
        ++first;
    if (first < bytes.size() && bytes[first] == quote) {
      csv_field field{.quoted = true};
      size_t close = first + 1;
      for (;;) {
        const size_t found = bytes.find(quote, close);
        const size_t line_end = quoted_newlines ? bytes.size() : line_end_at(bytes, close);
        if (found == std::string_view::npos || found > line_end) {
          end_record(bytes, line_end, length, consumed);
          return csv_split::unclosed_quote;
        }
        close = found;
        if (close + 1 >= bytes.size() || bytes[close + 1] != quote) break;
        field.doubled = true;
        close += 2;
      }
      field.text = bytes.substr(first + 1, close - first - 1);
      at = close + 1;
      if (trim)
        while (at < bytes.size() && (bytes[at] == ' ' || bytes[at] == '\t') && bytes[at] != delimiter) ++at;
      fields.push_back(field);
      const bool at_line_end = at >= bytes.size() || bytes[at] == '\n' ||
                               (bytes[at] == '\r' && (at + 1 >= bytes.size() || bytes[at + 1] == '\n'));
      if (at_line_end) {
        end_record(bytes, line_end_at(bytes, at), length, consumed);
        return csv_split::complete;
      }
      if (bytes[at] != delimiter) {
        end_record(bytes, line_end_at(bytes, at), length, consumed);
        return csv_split::text_behind_quote;
      }
      ++at;
      continue;
    }
    size_t end = at;
    while (end < bytes.size() && bytes[end] != delimiter && bytes[end] != '\n') ++end;
    if (end < bytes.size() && bytes[end] == delimiter) {
      fields.push_back({.text = bytes.substr(at, end - at)});
      at = end + 1;
      continue;
    }
    end_record(bytes, end, length, consumed);
    fields.push_back({.text = bytes.substr(at, (length > at ? length : at) - at)});
    return csv_split::complete;
  }
}

size_t undouble_quotes(std::string_view text, char quote, char* into) {
  char* out = into;
  for (size_t i = 0; i < text.size(); ++i) {
    *out++ = text[i];
    if (text[i] == quote && i + 1 < text.size() && text[i + 1] == quote) ++i;
  }
  return static_cast<size_t>(out - into);
}

}  // namespace systole
