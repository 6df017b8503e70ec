#pragma once

#include <cstdint>
#include <string_view>

namespace systole {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4).
uint32_t crc32c(std::string_view bytes);
/// Of two texts one behind the other, of which the second has `size` bytes: a checksum is a polynomial over GF(2), so that the first
/// one's is multiplied by x^(8 size). A microsecond.
uint32_t crc32c_joined(uint32_t first, uint32_t second, uint64_t size);

}  // namespace systole
