#include "connectors/files/byte_packer.h"

#include <zlib.h>
#include <zstd.h>

#include "base/limits.h"

namespace systole {
namespace {

constexpr size_t block_bytes = 128 * limits::kibibyte;
constexpr int gzip_level = 5;
constexpr int zstd_level = 1;

class plain_packer final : public byte_packer {
 public:
  result<void> pack(std::string_view bytes, encode_buffer& out) override {
    out.append(bytes);
    return {};
  }
  result<void> end_frame(encode_buffer&) override { return {}; }
};

class gzip_packer final : public byte_packer {
 public:
  ~gzip_packer() override {
    if (ready_) deflateEnd(&state_);
  }
  result<void> open() {
    if (deflateInit2(&state_, gzip_level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      return fail(error_code::internal, "zlib: no memory");
    ready_ = true;
    return {};
  }
  result<void> pack(std::string_view bytes, encode_buffer& out) override {
    in_frame_ = in_frame_ || !bytes.empty();
    return run(bytes, Z_NO_FLUSH, out);
  }
  result<void> end_frame(encode_buffer& out) override {
    if (!in_frame_) return {};
    SYSTOLE_TRY(run({}, Z_FINISH, out));
    in_frame_ = false;
    if (deflateReset(&state_) != Z_OK) return fail(error_code::internal, "zlib: deflateReset");
    return {};
  }

 private:
  result<void> run(std::string_view bytes, int flush, encode_buffer& out) {
    state_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    state_.avail_in = static_cast<uInt>(bytes.size());
    for (;;) {
      char* const at = out.reserve(block_bytes);
      state_.next_out = reinterpret_cast<Bytef*>(at);
      state_.avail_out = block_bytes;
      const int status = deflate(&state_, flush);
      out.advance(reinterpret_cast<char*>(state_.next_out));
      if (status == Z_STREAM_ERROR) return fail(error_code::internal, "zlib: deflate");
      if (flush == Z_FINISH ? status == Z_STREAM_END : state_.avail_out > 0) return {};
    }
  }
  z_stream state_{};
  bool ready_ = false;
  bool in_frame_ = false;
};

class zstd_packer final : public byte_packer {
 public:
  zstd_packer() { ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, zstd_level); }
  ~zstd_packer() override { ZSTD_freeCCtx(context_); }
  result<void> pack(std::string_view bytes, encode_buffer& out) override {
    in_frame_ = in_frame_ || !bytes.empty();
    return run(bytes, ZSTD_e_continue, out);
  }
  result<void> end_frame(encode_buffer& out) override {
    if (!in_frame_) return {};
    in_frame_ = false;
    return run({}, ZSTD_e_end, out);
  }

 private:
  result<void> run(std::string_view bytes, ZSTD_EndDirective end, encode_buffer& out) {
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    for (;;) {
      char* const at = out.reserve(block_bytes);
      ZSTD_outBuffer output{at, block_bytes, 0};
      const size_t left = ZSTD_compressStream2(context_, &output, &input, end);
      if (ZSTD_isError(left)) return fail(error_code::internal, std::string("zstd: ") + ZSTD_getErrorName(left));
      out.advance(at + output.pos);
      if (end == ZSTD_e_end ? left == 0 : input.pos == input.size) return {};
    }
  }
  ZSTD_CCtx* context_ = ZSTD_createCCtx();
  bool in_frame_ = false;
};

}  // namespace

result<std::unique_ptr<byte_packer>> make_byte_packer(std::string_view compression) {
  if (compression.empty()) return std::unique_ptr<byte_packer>(std::make_unique<plain_packer>());
  if (compression == "zstd") return std::unique_ptr<byte_packer>(std::make_unique<zstd_packer>());
  if (compression == "gzip") {
    auto made = std::make_unique<gzip_packer>();
    SYSTOLE_TRY(made->open());
    return std::unique_ptr<byte_packer>(std::move(made));
  }
  return fail(error_code::invalid_argument, "a file sink packs with gzip or zstd, not " + std::string(compression));
}

std::string_view packing_suffix(std::string_view compression) {
  return compression == "gzip" ? ".gz" : compression == "zstd" ? ".zst" : "";
}

}  // namespace systole
