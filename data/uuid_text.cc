#include "data/uuid_text.h"

#include <array>
#include <cstring>

#include "base/hexadecimal.h"

#if defined(__SSSE3__) && defined(__SSE4_1__)
#include <smmintrin.h>
#define SYSTOLE_UUID_SSE 1
#endif

namespace systole {
namespace {


#if SYSTOLE_UUID_SSE

/// The nibbles of 16 lower-case hexadecimal characters; `valid` loses the lanes that are none.
inline __m128i nibbles(__m128i characters, __m128i& valid) {
  const __m128i digit = _mm_sub_epi8(characters, _mm_set1_epi8('0'));
  const __m128i letter = _mm_sub_epi8(characters, _mm_set1_epi8('a'));
  const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
  const __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
  valid = _mm_and_si128(valid, _mm_or_si128(is_digit, is_letter));
  return _mm_blendv_epi8(_mm_add_epi8(letter, _mm_set1_epi8(10)), digit, is_digit);
}

#else

/// The value of a lower-case hexadecimal character, 0xff for any other byte.
constexpr std::array<uint8_t, 256> hex_values = [] {
  std::array<uint8_t, 256> table{};
  table.fill(0xff);
  for (int i = 0; i < 16; ++i) table[static_cast<uint8_t>(hex_digits[i])] = static_cast<uint8_t>(i);
  return table;
}();

/// Where the text has the first digit of each packed byte.
constexpr std::array<uint8_t, 16> digit_places = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

#endif

}  // namespace

#if SYSTOLE_UUID_SSE

bool pack_uuid(const char* text, char* packed) {
  // Digits are at 0-7, 9-12, 14-17 | 19-22, 24-35; dashes between.
  const __m128i head = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
  const __m128i tail = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + 20));
  uint16_t at_16;
  std::memcpy(&at_16, text + 16, 2);
  const __m128i high = _mm_insert_epi16(
      _mm_shuffle_epi8(head, _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, -1, -1)), at_16, 7);
  const __m128i low = _mm_insert_epi8(
      _mm_shuffle_epi8(tail, _mm_setr_epi8(-1, 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)), text[19], 0);
  __m128i valid = _mm_set1_epi8(-1);
  const __m128i weights = _mm_set1_epi16(0x0110);  // first digit times 16, second times 1
  const __m128i high_bytes = _mm_maddubs_epi16(nibbles(high, valid), weights);
  const __m128i low_bytes = _mm_maddubs_epi16(nibbles(low, valid), weights);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(packed), _mm_packus_epi16(high_bytes, low_bytes));
  // Without branches: keys are mostly all UUIDs or none.
  const int dashes = (text[8] ^ '-') | (text[13] ^ '-') | (text[18] ^ '-') | (text[23] ^ '-');
  return (dashes | (_mm_movemask_epi8(valid) ^ 0xffff)) == 0;
}

void unpack_uuid(const char* packed, char* text) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(packed));
  const __m128i mask = _mm_set1_epi8(15);
  const __m128i digits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(hex_digits));
  const __m128i high = _mm_shuffle_epi8(digits, _mm_and_si128(_mm_srli_epi16(bytes, 4), mask));
  const __m128i low = _mm_shuffle_epi8(digits, _mm_and_si128(bytes, mask));
  alignas(16) char all[32];
  _mm_store_si128(reinterpret_cast<__m128i*>(all), _mm_unpacklo_epi8(high, low));
  _mm_store_si128(reinterpret_cast<__m128i*>(all + 16), _mm_unpackhi_epi8(high, low));
  std::memcpy(text, all, 8);
  text[8] = '-';
  std::memcpy(text + 9, all + 8, 4);
  text[13] = '-';
  std::memcpy(text + 14, all + 12, 4);
  text[18] = '-';
  std::memcpy(text + 19, all + 16, 4);
  text[23] = '-';
  std::memcpy(text + 24, all + 20, 12);
}

#else

bool pack_uuid(const char* text, char* packed) {
  if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return false;
  uint8_t any = 0;
  for (size_t i = 0; i < 16; ++i) {
    const uint8_t high = hex_values[static_cast<uint8_t>(text[digit_places[i]])];
    const uint8_t low = hex_values[static_cast<uint8_t>(text[digit_places[i] + 1])];
    any |= high | low;
    packed[i] = static_cast<char>(high << 4 | (low & 15));
  }
  return any < 16;
}

void unpack_uuid(const char* packed, char* text) {
  text[8] = text[13] = text[18] = text[23] = '-';
  for (size_t i = 0; i < 16; ++i) {
    const auto byte = static_cast<uint8_t>(packed[i]);
    text[digit_places[i]] = hex_digits[byte >> 4];
    text[digit_places[i] + 1] = hex_digits[byte & 15];
  }
}

#endif

}  // namespace systole
