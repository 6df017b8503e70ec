#include <cstring>

#include "data/calendar.h"

#if defined(__SSSE3__) && defined(__SSE4_1__)
#include <smmintrin.h>
#define SYSTOLE_CALENDAR_SSE 1
#endif

namespace systole {
namespace {

struct parts {
  int32_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, micros = 0;
};

std::optional<timestamp_us> assemble(const parts& p) {
  const bool good = (p.year > 0) & (p.month >= 1) & (p.month <= 12) & (p.day >= 1) & (p.hour <= 23) & (p.minute <= 59) &
                    (p.second <= 59);
  if (!good || (p.day > 28 && p.day > days_in_month(p.year, p.month))) return std::nullopt;
  const int32_t seconds = (p.hour * 60 + p.minute) * 60 + p.second;
  return (int64_t{days_from_civil({p.year, p.month, p.day})} * 86'400 + seconds) * micros_per_second + p.micros;
}

#if SYSTOLE_CALENDAR_SSE

/// "YYYY-MM-DDTHH:MM:SS.ffffff" at `at`: 26 bytes, checked and read without a branch per character.
bool read_26(const char* at, parts& p) {
  const __m128i head = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i tail = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 10));
  // YYYYMMDDHHMMSSff in one register, the last four digits apart.
  const __m128i characters =
      _mm_or_si128(_mm_shuffle_epi8(head, _mm_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, -1, -1, -1, -1)),
                   _mm_shuffle_epi8(tail, _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 7, 8, 10, 11)));
  const __m128i digits = _mm_sub_epi8(characters, _mm_set1_epi8('0'));
  const __m128i are_digits = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
  uint32_t last;
  std::memcpy(&last, at + 22, 4);
  last ^= 0x30303030u;  // a digit becomes 0-9, any other byte has a high nibble or exceeds 9
  const uint32_t last_wrong = (last | (last + 0x06060606u)) & 0xf0f0f0f0u;
  const int separators = (at[4] ^ '-') | (at[7] ^ '-') | (at[13] ^ ':') | (at[16] ^ ':') | (at[19] ^ '.') |
                         static_cast<int>((at[10] != 'T') & (at[10] != ' '));
  if (((_mm_movemask_epi8(are_digits) ^ 0xffff) | separators) != 0 || last_wrong != 0) return false;
  alignas(16) uint16_t pairs[8];  // YY YY MM DD HH MM SS ff
  _mm_store_si128(reinterpret_cast<__m128i*>(pairs), _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a)));
  const uint32_t tens = last * 10 + (last >> 8);
  const uint32_t last_four = (tens & 0xff) * 100 + (tens >> 16 & 0xff);
  p = {pairs[0] * 100 + pairs[1],
       pairs[2],
       pairs[3],
       pairs[4],
       pairs[5],
       pairs[6],
       pairs[7] * 10'000 + static_cast<int32_t>(last_four)};
  return true;
}

#endif

/// Reads a text from the left.
class scanner {
 public:
  explicit scanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}
  bool at_end() const { return at_ == end_; }
  char peek() const { return at_ != end_ ? *at_ : '\0'; }
  bool take(char c) {
    if (peek() != c || at_end()) return false;
    ++at_;
    return true;
  }
  bool is_digit() const { return peek() >= '0' && peek() <= '9'; }
  /// Exactly n digits.
  bool number(int n, int32_t& into) {
    if (end_ - at_ < n) return false;
    int32_t value = 0;
    for (; n > 0; --n, ++at_) {
      if (*at_ < '0' || *at_ > '9') return false;
      value = value * 10 + (*at_ - '0');
    }
    into = value;
    return true;
  }
  /// At least one digit; those past six are cut.
  bool fraction(int32_t& micros) {
    if (!is_digit()) return false;
    int32_t unit = 100'000;
    for (micros = 0; is_digit(); ++at_, unit /= 10) micros += (*at_ - '0') * unit;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

bool scan_date(scanner& in, parts& p) {
  return in.number(4, p.year) && in.take('-') && in.number(2, p.month) && in.take('-') && in.number(2, p.day);
}

bool scan_time(scanner& in, parts& p) {
  if (!in.number(2, p.hour) || !in.take(':') || !in.number(2, p.minute)) return false;
  if (!in.take(':')) return true;
  if (!in.number(2, p.second)) return false;
  return !in.take('.') || in.fraction(p.micros);
}

/// Z, z, +-HH, +-HHMM, +-HH:MM, or nothing.
bool scan_zone(scanner& in, int64_t& offset_us) {
  offset_us = 0;
  if (in.at_end() || in.take('Z') || in.take('z')) return true;
  const bool west = in.peek() == '-';
  if (!in.take('-') && !in.take('+')) return false;
  int32_t hours = 0, minutes = 0;
  if (!in.number(2, hours)) return false;
  if (in.take(':') || !in.at_end()) {
    if (!in.number(2, minutes)) return false;
  }
  if (hours > 23 || minutes > 59) return false;
  offset_us = (int64_t{hours} * 60 + minutes) * 60 * micros_per_second;
  if (west) offset_us = -offset_us;
  return true;
}

}  // namespace

std::optional<timestamp_us> parse_iso_timestamp(std::string_view text) {
  parts p;
#if SYSTOLE_CALENDAR_SSE
  const size_t zulu = !text.empty() && text.back() == 'Z';
  const size_t length = text.size() - zulu;
  if (length == 26 && read_26(text.data(), p)) return assemble(p);
  if (length == 19) {
    char padded[26];
    std::memcpy(padded, text.data(), 19);
    std::memcpy(padded + 19, ".000000", 7);
    if (read_26(padded, p)) return assemble(p);
  }
#endif
  scanner in(text);
  if (!scan_date(in, p)) return std::nullopt;
  int64_t offset_us = 0;
  if (!in.at_end()) {
    if (!in.take('T') && !in.take(' ')) return std::nullopt;
    if (!scan_time(in, p) || !scan_zone(in, offset_us) || !in.at_end()) return std::nullopt;
  }
  const std::optional<timestamp_us> local = assemble(p);
  if (!local) return std::nullopt;
  return *local - offset_us;
}

std::optional<int32_t> parse_iso_date(std::string_view text) {
  scanner in(text);
  parts p;
  if (!scan_date(in, p) || !in.at_end() || p.year == 0 || !is_valid({p.year, p.month, p.day})) return std::nullopt;
  return days_from_civil({p.year, p.month, p.day});
}

}  // namespace systole
