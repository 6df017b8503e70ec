#include <openssl/evp.h>

#include "bench/limits/event_reader.h"

namespace limits_bench {

uint64_t row_checksum(std::string_view canonical_row) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(canonical_row.data(), canonical_row.size(), digest, &length, EVP_sha256(), nullptr) != 1) std::abort();
  uint64_t sum = 0;
  for (int i = 0; i < 8; ++i) sum = sum << 8 | digest[i];
  return sum;
}

}  // namespace limits_bench
