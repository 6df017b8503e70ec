#include "base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace systole {
namespace {

constexpr uint32_t polynomial = 0x82f63b78u;  ///< the highest bit is x^0

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

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  constexpr size_t most_at_once = size_t{1} << 30;  // the library counts in int, and its bytes are not const
  uint32_t crc = ~0u;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), most_at_once)))
    crc = crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())), static_cast<int>(std::min(bytes.size(), most_at_once)), crc);
  return ~crc;
}

uint32_t crc32c_joined(uint32_t first, uint32_t second, uint64_t size) { return times(first, x_to_the(8 * size)) ^ second; }

}  // namespace systole
