#include <array>

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

/// Days before each month, in common and in leap years; the last entry is the year's length.
constexpr int16_t days_before[2][13] = {{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365},
                                        {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366}};
constexpr int32_t days_from_year_1_to_1970 = 719'162;

/// The time of parts that may be out of range; years 1 to 9999. (days_from_civil() takes any year, and longer.)
std::optional<timestamp_us> assemble(const parts& p) {
  const bool plausible =
      (p.year > 0) & (p.month >= 1) & (p.month <= 12) & (p.hour <= 23) & (p.minute <= 59) & (p.second <= 59);
  if (!plausible) return std::nullopt;
  const auto year = static_cast<uint32_t>(p.year);
  const bool leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0));
  const int16_t* const before = days_before[leap] + (p.month - 1);
  if ((p.day < 1) | (p.day > before[1] - before[0])) return std::nullopt;
  const uint32_t past = year - 1, centuries = past / 100;
  const auto leap_days = static_cast<int32_t>(past / 4 - centuries + centuries / 4);
  const int32_t days = static_cast<int32_t>(past) * 365 + leap_days + before[0] + p.day - 1 - days_from_year_1_to_1970;
  const int32_t seconds = (p.hour * 60 + p.minute) * 60 + p.second;
  return (int64_t{days} * 86'400 + seconds) * micros_per_second + p.micros;
}

#if SYSTOLE_CALENDAR_SSE

constexpr size_t shortest_fast = 19, longest_fast = 26;  // "YYYY-MM-DDTHH:MM:SS" to six digits of a fraction

/// For a text of each length: where its last 16 bytes have the seconds and the six digits of the fraction, and '0' for
/// those digits that it has not.
struct tail_shuffle {
  alignas(16) char from[16];
  alignas(16) char fill[16];
};
constexpr auto tail_shuffles = [] {
  std::array<tail_shuffle, longest_fast - shortest_fast + 1> made{};
  for (size_t length = shortest_fast; length <= longest_fast; ++length) {
    tail_shuffle& each = made[length - shortest_fast];
    for (size_t i = 0; i < 16; ++i) {
      const size_t place = i < 2 ? 17 + i : 18 + i;  // the point is at 19
      const bool there = i < 8 && place < length;
      each.from[i] = static_cast<char>(there ? place + 16 - length : 0x80);
      each.fill[i] = !there && i < 8 ? '0' : '\0';
    }
  }
  return made;
}();

/// "YYYY-MM-DDTHH:MM:SS[.f...]" of 19 or 21 to 26 bytes, checked and read without a branch per character.
bool read_fast(const char* at, size_t length, parts& p) {
  const tail_shuffle& shuffle = tail_shuffles[length - shortest_fast];
  const __m128i head = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i tail = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + length - 16));
  const __m128i seconds =
      _mm_or_si128(_mm_shuffle_epi8(tail, _mm_load_si128(reinterpret_cast<const __m128i*>(shuffle.from))),
                   _mm_load_si128(reinterpret_cast<const __m128i*>(shuffle.fill)));
  // YYYYMMDDHHMMSSff in one register, the last four digits apart.
  const __m128i characters =
      _mm_or_si128(_mm_shuffle_epi8(head, _mm_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, -1, -1, -1, -1)),
                   _mm_slli_si128(seconds, 12));
  const __m128i digits = _mm_sub_epi8(characters, _mm_set1_epi8('0'));
  const __m128i are_digits = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
  // A digit becomes 0-9, any other byte has a high nibble or exceeds 9.
  const uint32_t last = static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_srli_si128(seconds, 4))) ^ 0x30303030u;
  const uint32_t last_wrong = (last | (last + 0x06060606u)) & 0xf0f0f0f0u;
  const int point = length > shortest_fast ? at[shortest_fast] ^ '.' : 0;
  const int separators = (at[4] ^ '-') | (at[7] ^ '-') | (at[13] ^ ':') | (at[16] ^ ':') | point |
                         static_cast<int>((at[10] != 'T') & (at[10] != ' '));
  if (((_mm_movemask_epi8(are_digits) ^ 0xffff) | separators) != 0 || last_wrong != 0) return false;
  const __m128i pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));  // YY YY MM DD HH MM SS ff
  const auto low = static_cast<uint64_t>(_mm_cvtsi128_si64(pairs));
  const auto high = static_cast<uint64_t>(_mm_extract_epi64(pairs, 1));
  const auto pair = [](uint64_t four, int which) { return static_cast<int32_t>(four >> (16 * which) & 0xffff); };
  const uint32_t tens = last * 10 + (last >> 8);
  const uint32_t last_four = (tens & 0xff) * 100 + (tens >> 16 & 0xff);
  p = {pair(low, 0) * 100 + pair(low, 1),
       pair(low, 2),
       pair(low, 3),
       pair(high, 0),
       pair(high, 1),
       pair(high, 2),
       pair(high, 3) * 10'000 + static_cast<int32_t>(last_four)};
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
  const bool zulu = !text.empty() && text.back() == 'Z';
  const size_t length = text.size() - zulu;
  if (length >= shortest_fast && length <= longest_fast && length != shortest_fast + 1 &&
      read_fast(text.data(), length, p))
    return assemble(p);
#endif
  // Also for what the fast path did not take: "09:05:00.1+0200" has 26 bytes too.
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
