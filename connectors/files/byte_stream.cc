#include "connectors/files/byte_stream.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <vector>

#include "base/limits.h"

namespace systole {
namespace {

class plain_stream final : public byte_stream {
 public:
  explicit plain_stream(std::shared_ptr<readable_file> file) : file_(std::move(file)) {}
  result<size_t> read(char* into, size_t length) override {
    SYSTOLE_ASSIGN(const size_t got, file_->read(offset_, length, into));
    offset_ += got;
    return got;
  }
  result<void> seek(uint64_t offset) override {
    offset_ = offset;
    return {};
  }

 private:
  std::shared_ptr<readable_file> file_;
  uint64_t offset_ = 0;
};

/// What both packed forms share: the packed bytes' buffer and going forward by reading.
class packed_stream : public byte_stream {
 public:
  packed_stream(std::shared_ptr<readable_file> file, std::string path)
      : path_(std::move(path)), file_(std::move(file)), packed_(256 * limits::kibibyte) {}

  result<size_t> read(char* into, size_t length) final {
    SYSTOLE_ASSIGN(const size_t got, unpack(into, length));
    unpacked_offset_ += got;
    return got;
  }
  result<void> seek(uint64_t offset) final {
    if (offset < unpacked_offset_) return fail(error_code::internal, "a packed file cannot be read backwards: " + path_);
    std::vector<char> skipped(256 * limits::kibibyte);
    while (unpacked_offset_ < offset) {
      SYSTOLE_ASSIGN(const size_t got, read(skipped.data(), std::min<uint64_t>(skipped.size(), offset - unpacked_offset_)));
      if (got == 0) return fail(error_code::incompatible, "the file is shorter than at the checkpoint: " + path_);
    }
    return {};
  }

 protected:
  virtual result<size_t> unpack(char* into, size_t length) = 0;
  failure broken() const { return fail(error_code::corrupt, "the file's compression is broken: " + path_); }
  /// Gives the next packed bytes; empty at the file's end.
  result<std::string_view> next_packed() {
    SYSTOLE_ASSIGN(const size_t got, file_->read(packed_offset_, packed_.size(), packed_.data()));
    packed_offset_ += got;
    return std::string_view(packed_.data(), got);
  }
  std::string path_;

 private:
  std::shared_ptr<readable_file> file_;
  std::vector<char> packed_;
  uint64_t packed_offset_ = 0;
  uint64_t unpacked_offset_ = 0;
};

class gzip_stream final : public packed_stream {
 public:
  using packed_stream::packed_stream;
  ~gzip_stream() override { inflateEnd(&state_); }
  result<void> open() {
    if (inflateInit2(&state_, 15 + 16) != Z_OK) return fail(error_code::internal, "zlib: no memory");
    return {};
  }

 private:
  result<size_t> unpack(char* into, size_t length) override {
    state_.next_out = reinterpret_cast<Bytef*>(into);
    state_.avail_out = static_cast<uInt>(length);
    while (state_.avail_out == length) {
      if (state_.avail_in == 0) {
        SYSTOLE_ASSIGN(const std::string_view packed, next_packed());
        if (packed.empty()) {
          if (in_member_) return broken();
          return size_t{0};
        }
        state_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
        state_.avail_in = static_cast<uInt>(packed.size());
      }
      if (!in_member_) {
        if (begun_ && inflateReset(&state_) != Z_OK) return broken();
        in_member_ = begun_ = true;
      }
      const int status = inflate(&state_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) in_member_ = false;  // a file may hold several members
      else if (status != Z_OK && status != Z_BUF_ERROR) return broken();
    }
    return length - state_.avail_out;
  }
  z_stream state_{};
  bool in_member_ = false;
  bool begun_ = false;
};

class zstd_stream final : public packed_stream {
 public:
  using packed_stream::packed_stream;
  ~zstd_stream() override { ZSTD_freeDCtx(context_); }

 private:
  result<size_t> unpack(char* into, size_t length) override {
    ZSTD_outBuffer out{into, length, 0};
    while (out.pos == 0) {
      // A full output buffer leaves bytes in the context although the input is taken: ask it before reading on.
      if (input_.pos == input_.size && !pending_) {
        SYSTOLE_ASSIGN(const std::string_view packed, next_packed());
        if (packed.empty()) {
          if (in_frame_) return broken();
          return size_t{0};
        }
        input_ = {packed.data(), packed.size(), 0};
      }
      const size_t hint = ZSTD_decompressStream(context_, &out, &input_);
      if (ZSTD_isError(hint)) return broken();
      in_frame_ = hint != 0;
      pending_ = out.pos == out.size && in_frame_;
    }
    return out.pos;
  }
  ZSTD_DCtx* context_ = ZSTD_createDCtx();
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool in_frame_ = false;
  bool pending_ = false;
};

}  // namespace

result<file_packing> packing_of(const readable_file& file) {
  unsigned char magic[4] = {};
  SYSTOLE_ASSIGN(const size_t got, file.read(0, sizeof magic, reinterpret_cast<char*>(magic)));
  if (got >= 2 && magic[0] == 0x1f && magic[1] == 0x8b) return file_packing::gzip;
  if (got == 4 && magic[0] == 0x28 && magic[1] == 0xb5 && magic[2] == 0x2f && magic[3] == 0xfd) return file_packing::zstd;
  return file_packing::plain;
}

result<std::unique_ptr<byte_stream>> open_byte_stream(std::shared_ptr<readable_file> file, file_packing packing,
                                                      const std::string& path) {
  switch (packing) {
    case file_packing::plain: break;
    case file_packing::gzip: {
      auto stream = std::make_unique<gzip_stream>(std::move(file), path);
      SYSTOLE_TRY(stream->open());
      return std::unique_ptr<byte_stream>(std::move(stream));
    }
    case file_packing::zstd: return std::unique_ptr<byte_stream>(std::make_unique<zstd_stream>(std::move(file), path));
  }
  return std::unique_ptr<byte_stream>(std::make_unique<plain_stream>(std::move(file)));
}

}  // namespace systole
