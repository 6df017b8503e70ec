#include "kafka/crc32c.h"

#include <array>
#include <cstring>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace systole {
namespace {

#ifndef __SSE4_2__
constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> made{};
  for (uint32_t i = 0; i < made.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0x82f63b78u : 0u);
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

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
#ifdef __SSE4_2__
  for (; bytes.size() >= sizeof(uint64_t); bytes.remove_prefix(sizeof(uint64_t))) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    crc = static_cast<uint32_t>(_mm_crc32_u64(crc, word));
  }
#endif
  for (const char byte : bytes) crc = next(crc, static_cast<unsigned char>(byte));
  return ~crc;
}

}  // namespace systole
