#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/buffer_pool.h"
#include "base/result.h"

namespace systole {

/// How the records of a batch are compressed: the lowest bits of its attributes.
enum class kafka_codec { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

/// Bytes with kafka_padding zeros behind them, for decoders that read ahead.
struct kafka_block {
  std::shared_ptr<char[]> bytes;
  size_t size = 0;
  char* end() const { return bytes.get() + size; }
  /// To be called when all bytes are there.
  void pad() const { std::memset(end(), 0, padding); }
  static constexpr size_t padding = 64;
};

/// Records of one batch as they were before. gzip (RFC 1952), LZ4 frames, Zstandard (RFC 8878), and Snappy, plain or in the
/// blocks of Java's stream. `corrupt` where the bytes are none of it, `limit_exceeded` beyond limits::kafka_batch_bytes.
result<kafka_block> kafka_decompress(kafka_codec codec, std::string_view compressed, buffer_pool& pool);

/// The other way round, behind the first `keep` bytes of `bytes`, which stay. `level`: -1 for the codec's own.
result<void> kafka_compress(kafka_codec codec, int level, std::string& bytes, size_t keep);

}  // namespace systole
