#include "kafka/crc32c.h"

#include <array>
#include <cstring>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace systole {
namespace {

constexpr uint32_t polynomial = 0x82f63b78u;  ///< the highest bit is x^0

#ifndef __SSE4_2__
constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> made{};
  for (uint32_t i = 0; i < made.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? polynomial : 0u);
    made[i] = value;
  }
  return made;
}
constexpr std::array<uint32_t, 256> table = make_table();
#endif

uint32_t next(uint32_t crc, unsigned char byte) {
#ifdef __SSE4_2__
  return _mm_crc32_u8(crc, byte);
#else
  return (crc >> 8) ^ table[(crc ^ byte) & 0xff];
#endif
}

/// Modulo the polynomial.
uint32_t times(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = (b >> 1) ^ (b & 1 ? polynomial : 0u);
  }
  return product;
}

uint32_t x_to_the(uint64_t power) {
  uint32_t made = 1u << 31;
  for (uint32_t square = 1u << 30; power != 0; power >>= 1, square = times(square, square))
    if (power & 1) made = times(made, square);
  return made;
}

#ifdef __SSE4_2__
/// Three parts at once: the instruction gives its result three cycles later.
void add_words(const char* at, size_t words, std::array<uint64_t, 3>& crcs) {
  const size_t part = words * sizeof(uint64_t);
  for (const char* const end = at + part; at != end; at += sizeof(uint64_t))
    for (size_t i = 0; i < crcs.size(); ++i) {
      uint64_t word;
      std::memcpy(&word, at + i * part, sizeof word);
      crcs[i] = _mm_crc32_u64(crcs[i], word);
    }
}
#endif

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
#ifdef __SSE4_2__
  constexpr size_t least_in_parts = 64 * 1024;  // below it joining takes as long as it spares
  if (bytes.size() >= least_in_parts) {
    std::array<uint64_t, 3> crcs{~0u, ~0u, ~0u};
    const size_t words = bytes.size() / (crcs.size() * sizeof(uint64_t)), part = words * sizeof(uint64_t);
    add_words(bytes.data(), words, crcs);
    uint32_t all = ~static_cast<uint32_t>(crcs[0]);
    for (size_t i = 1; i < crcs.size(); ++i) all = crc32c_joined(all, ~static_cast<uint32_t>(crcs[i]), part);
    bytes.remove_prefix(crcs.size() * part);
    crc = ~all;
  }
  for (; bytes.size() >= sizeof(uint64_t); bytes.remove_prefix(sizeof(uint64_t))) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    crc = static_cast<uint32_t>(_mm_crc32_u64(crc, word));
  }
#endif
  for (const char byte : bytes) crc = next(crc, static_cast<unsigned char>(byte));
  return ~crc;
}

uint32_t crc32c_joined(uint32_t first, uint32_t second, uint64_t size) { return times(first, x_to_the(8 * size)) ^ second; }

}  // namespace systole
