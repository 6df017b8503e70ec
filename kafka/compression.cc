#include "kafka/compression.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/limits.h"
#include "kafka/wire_format.h"

namespace systole {
namespace {

failure broken(const char* codec) {
  return fail(error_code::corrupt, std::string("a batch's records are not what its codec makes (") + codec + ")");
}

/// Room for bytes whose number is not known before.
class growing_block {
 public:
  growing_block(buffer_pool& pool, size_t first) : pool_(pool) { made_.bytes = take(first); }

  char* free_space() { return made_.bytes.get() + made_.size; }
  size_t free_size() const { return space_ - made_.size; }
  void add(size_t bytes) { made_.size += bytes; }
  /// Has room for `least` more bytes.
  result<void> grow(size_t least) {
    if (free_size() >= least) return {};
    if (made_.size + least > limits::kafka_batch_bytes)
      return fail(error_code::limit_exceeded, "a batch's records are larger than limits::kafka_batch_bytes (256 MiB)");
    const std::shared_ptr<char[]> old = std::move(made_.bytes);
    made_.bytes = take(std::max(made_.size + least, std::min(2 * space_, limits::kafka_batch_bytes)));
    std::memcpy(made_.bytes.get(), old.get(), made_.size);
    return {};
  }
  kafka_block take_block() {
    made_.pad();
    return std::move(made_);
  }

 private:
  std::shared_ptr<char[]> take(size_t bytes) {
    space_ = bytes;
    return pool_.take(bytes + kafka_block::padding);
  }
  buffer_pool& pool_;
  kafka_block made_;
  size_t space_ = 0;
};

result<void> inflate(std::string_view from, growing_block& into) {
  z_stream stream{};
  constexpr int gzip_or_zlib = 15 + 32;
  if (inflateInit2(&stream, gzip_or_zlib) != Z_OK) return fail(error_code::internal, "zlib has no memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from.data()));
  stream.avail_in = static_cast<uInt>(from.size());
  while (true) {
    SYSTOLE_TRY(into.grow(1));
    const auto room = static_cast<uInt>(into.free_size());
    stream.next_out = reinterpret_cast<Bytef*>(into.free_space());
    stream.avail_out = room;
    const int done = ::inflate(&stream, Z_NO_FLUSH);
    into.add(room - stream.avail_out);
    if (done == Z_STREAM_END) return {};
    if (done != Z_OK || (stream.avail_in == 0 && stream.avail_out > 0)) return broken("gzip");
  }
}

result<void> unpack_lz4(std::string_view from, growing_block& into) {
  LZ4F_dctx* made = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION))) return fail(error_code::internal, "LZ4 has no memory");
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(made, LZ4F_freeDecompressionContext);
  size_t wanted = 1;
  while (wanted != 0) {
    SYSTOLE_TRY(into.grow(1));
    size_t written = into.free_size(), read = from.size();
    wanted = LZ4F_decompress(context.get(), into.free_space(), &written, from.data(), &read, nullptr);
    if (LZ4F_isError(wanted) || (written == 0 && read == 0 && into.free_size() > 0)) return broken("lz4");
    into.add(written);
    from.remove_prefix(read);
  }
  return {};
}

result<void> unpack_zstd(std::string_view from, growing_block& into) {
  const std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(), ZSTD_freeDStream);
  if (!stream) return fail(error_code::internal, "Zstandard has no memory");
  ZSTD_inBuffer in{from.data(), from.size(), 0};
  size_t wanted = 1;
  while (wanted != 0) {
    SYSTOLE_TRY(into.grow(1));
    ZSTD_outBuffer out{into.free_space(), into.free_size(), 0};
    const size_t before = in.pos;
    wanted = ZSTD_decompressStream(stream.get(), &out, &in);
    if (ZSTD_isError(wanted) || (out.pos == 0 && in.pos == before && wanted != 0)) return broken("zstd");
    into.add(out.pos);
  }
  return {};
}

result<void> unpack_snappy_block(std::string_view from, growing_block& into) {
  size_t size = 0;
  if (snappy_uncompressed_length(from.data(), from.size(), &size) != SNAPPY_OK) return broken("snappy");
  SYSTOLE_TRY(into.grow(size));
  if (snappy_uncompress(from.data(), from.size(), into.free_space(), &size) != SNAPPY_OK) return broken("snappy");
  into.add(size);
  return {};
}

result<void> unpack_snappy(std::string_view from, growing_block& into) {
  // snappy-java's stream: this word, two versions, then blocks, each with its length before it.
  constexpr std::string_view java("\x82SNAPPY\0", 8);
  if (!from.starts_with(java)) return unpack_snappy_block(from, into);
  kafka_reader in(from);
  in.skip(java.size() + 8);
  while (in.ok() && in.remaining() > 0) {
    const std::string_view block = in.blob();
    if (!in.ok() || block.empty()) return broken("snappy");
    SYSTOLE_TRY(unpack_snappy_block(block, into));
  }
  if (!in.ok()) return broken("snappy");
  return {};
}

}  // namespace

result<kafka_block> kafka_decompress(kafka_codec codec, std::string_view compressed, buffer_pool& pool) {
  growing_block made(pool, std::clamp(8 * compressed.size(), size_t{16} * limits::kibibyte, limits::kafka_batch_bytes));
  switch (codec) {
    case kafka_codec::gzip: SYSTOLE_TRY(inflate(compressed, made)); break;
    case kafka_codec::snappy: SYSTOLE_TRY(unpack_snappy(compressed, made)); break;
    case kafka_codec::lz4: SYSTOLE_TRY(unpack_lz4(compressed, made)); break;
    case kafka_codec::zstd: SYSTOLE_TRY(unpack_zstd(compressed, made)); break;
    default: return fail(error_code::incompatible, "a batch's records are compressed in an unknown way (" +
                                                       std::to_string(static_cast<int>(codec)) + ")");
  }
  return made.take_block();
}

result<void> kafka_compress(kafka_codec codec, int level, std::string& bytes, size_t keep) {
  const std::string_view from = std::string_view(bytes).substr(keep);
  std::string made(bytes, 0, keep);
  const auto add = [&](size_t most, const auto& compress) -> result<void> {
    made.resize(keep + most);
    const size_t size = compress(made.data() + keep);
    if (size == 0) return fail(error_code::internal, "a batch's records cannot be compressed");
    made.resize(keep + size);
    bytes = std::move(made);
    return {};
  };
  switch (codec) {
    case kafka_codec::none: return {};
    case kafka_codec::gzip:
      return add(from.size() + from.size() / 1000 + 64, [&](char* into) -> size_t {
        z_stream stream{};
        constexpr int gzip = 15 + 16, memory = 8;
        if (deflateInit2(&stream, level, Z_DEFLATED, gzip, memory, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
        const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from.data()));
        stream.avail_in = static_cast<uInt>(from.size());
        stream.next_out = reinterpret_cast<Bytef*>(into);
        stream.avail_out = static_cast<uInt>(from.size() + from.size() / 1000 + 64);
        return deflate(&stream, Z_FINISH) == Z_STREAM_END ? stream.total_out : 0;
      });
    case kafka_codec::snappy:
      return add(snappy_max_compressed_length(from.size()), [&](char* into) -> size_t {
        size_t size = snappy_max_compressed_length(from.size());
        return snappy_compress(from.data(), from.size(), into, &size) == SNAPPY_OK ? size : 0;
      });
    case kafka_codec::lz4: {
      LZ4F_preferences_t how{};
      how.frameInfo.blockMode = LZ4F_blockIndependent;  // Java's reader takes no other
      how.compressionLevel = std::max(level, 0);
      const size_t most = LZ4F_compressFrameBound(from.size(), &how);
      return add(most, [&](char* into) -> size_t {
        const size_t size = LZ4F_compressFrame(into, most, from.data(), from.size(), &how);
        return LZ4F_isError(size) ? 0 : size;
      });
    }
    case kafka_codec::zstd:
      return add(ZSTD_compressBound(from.size()), [&](char* into) -> size_t {
        const size_t size = ZSTD_compress(into, ZSTD_compressBound(from.size()), from.data(), from.size(),
                                          level < 0 ? ZSTD_CLEVEL_DEFAULT : level);
        return ZSTD_isError(size) ? 0 : size;
      });
  }
  return fail(error_code::internal, "an unknown codec");
}

}  // namespace systole
