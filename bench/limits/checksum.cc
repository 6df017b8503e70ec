#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "bench/limits/event_reader.h"

namespace limits_bench {

uint64_t row_checksum(std::string_view canonical_row) {
  SHA256_CTX context;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_Init(&context);
  SHA256_Update(&context, canonical_row.data(), canonical_row.size());
  SHA256_Final(digest, &context);
  uint64_t sum = 0;
  for (int i = 0; i < 8; ++i) sum = sum << 8 | digest[i];
  return sum;
}

}  // namespace limits_bench
