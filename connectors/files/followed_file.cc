#include "connectors/files/followed_file.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "connectors/files/byte_stream.h"
#include "connectors/files/file_splits.h"

namespace systole {

result<bool> followed_file::has_more() {
  SYSTOLE_ASSIGN(handle_, files_->open(path_));
  SYSTOLE_ASSIGN(size_, handle_->size());
  if (size_ < at_.next)
    return fail(error_code::incompatible, "the followed file " + path_ + " became shorter: it has " + std::to_string(size_) +
                                              " bytes, " + std::to_string(at_.next) +
                                              " were read; append to it, or give new records a new file");
  if (size_ <= std::max(at_.next, looked_at_)) return false;
  SYSTOLE_TRY(check_head(size_));
  return true;
}

result<void> followed_file::check_head(uint64_t size) {
  if (at_.head_bytes == 0) {
    SYSTOLE_ASSIGN(const file_packing packing, packing_of(*handle_));
    if (packing != file_packing::plain)
      return fail(error_code::invalid_argument,
                  "the followed file " + path_ + " is packed: only plain files can be followed; leave it out of the path");
  }
  std::string head(std::min<uint64_t>(size, file_head_bytes), '\0');
  SYSTOLE_ASSIGN(const size_t got, handle_->read(0, head.size(), head.data()));
  if (XXH3_64bits(head.data(), std::min<size_t>(got, at_.head_bytes)) != at_.head_xxh3 && at_.head_bytes > 0)
    return fail(error_code::incompatible,
                "the followed file " + path_ + " is another one than before; give new records a new file");
  at_.head_bytes = got;
  at_.head_xxh3 = XXH3_64bits(head.data(), got);
  return {};
}

result<void> followed_file::read_header() {
  header_known_ = true;
  decoder_->begin_file();
  if (at_.next == 0) return {};
  const size_t length = std::min<uint64_t>(size_, limits::source_window_bytes);
  std::shared_ptr<char[]> first(new char[length + decode_padding]());
  SYSTOLE_ASSIGN(const size_t got, handle_->read(0, length, first.get()));
  SYSTOLE_ASSIGN(const size_t header, decoder_->read_header({first.get(), got, first, first.get() + got, 0, false}));
  (void)header;  // a format without one gives 0
  return {};
}

result<decoded_records> followed_file::read(size_t most, buffer_pool& pool) {
  if (!handle_) {
    SYSTOLE_ASSIGN(handle_, files_->open(path_));
  }
  if (!header_known_) SYSTOLE_TRY(read_header());
  size_t window = limits::source_window_bytes;
  while (true) {
    const std::shared_ptr<char[]> buffer = pool.take(window + decode_padding);
    SYSTOLE_ASSIGN(const size_t got, handle_->read(at_.next, std::min<uint64_t>(window, size_ - at_.next), buffer.get()));
    const void* const last = ::memrchr(buffer.get(), '\n', got);
    if (!last) {
      // No whole line: a longer one, or one that is still being written.
      looked_at_ = at_.next + got;
      if (got < window) return decoder_->take();
      if (window >= limits::record_bytes)
        return fail(error_code::limit_exceeded, path_ + ": the record at byte " + std::to_string(at_.next) +
                                                    " is longer than limits::record_bytes (16 MiB)");
      window *= 2;
      continue;
    }
    const size_t whole = static_cast<size_t>(static_cast<const char*>(last) - buffer.get()) + 1;
    char* const end = buffer.get() + whole;
    // What is behind the last line end is read again.
    std::memset(end, 0, decode_padding);
    size_t done = 0;
    while (done < whole && decoder_->pending_records() < most) {
      const record_span span{buffer.get() + done, whole - done, buffer, end, at_.next + done, true};
      SYSTOLE_ASSIGN(const size_t used, decoder_->decode(span, most - decoder_->pending_records()));
      if (used == 0) return fail(error_code::internal, path_ + ": its lines cannot be decoded");
      done += used;
    }
    at_.next += done;
    if (done == whole) looked_at_ = at_.next + (got - whole);
    return decoder_->take();
  }
}

}  // namespace systole
