#pragma once

#include <cstdint>
#include <string_view>

namespace systole {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4): a record batch's checksum.
uint32_t crc32c(std::string_view bytes);

}  // namespace systole
