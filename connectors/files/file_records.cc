#include "connectors/files/file_records.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"

namespace systole {
namespace {
constexpr size_t header_bytes = 1 * limits::mebibyte;  // the longest header, and what is read to find it
}

file_records::file_records(file_system& files, source_file file, std::unique_ptr<record_decoder> decoder,
                           buffer_pool& pool, size_t read_bytes)
    : files_(files), file_(std::move(file)), decoder_(std::move(decoder)), pool_(pool), read_bytes_(read_bytes) {}

result<void> file_records::start(file_chunk& chunk) {
  if (!handle_) {
    SYSTOLE_ASSIGN(auto handle, files_.open(file_.path));
    handle_ = std::move(handle);
  }
  SYSTOLE_ASSIGN(stream_, open_byte_stream(handle_, file_.packing, file_.path));
  buffer_.reset();
  at_ = filled_ = capacity_ = 0;
  at_end_ = false;
  buffer_offset_ = 0;
  decoder_->begin_file();
  if (chunk.position > 0) SYSTOLE_TRY(read_header());
  if (!chunk.started && chunk.begin > 0) {
    SYSTOLE_TRY(align(chunk));
  } else {
    SYSTOLE_TRY(stream_->seek(chunk.position));
    buffer_offset_ = chunk.position;
  }
  chunk.started = true;
  return {};
}

/// A reader that starts inside of a file still needs its header.
result<void> file_records::read_header() {
  SYSTOLE_ASSIGN(auto head, open_byte_stream(handle_, file_.packing, file_.path));
  std::shared_ptr<char[]> bytes(new char[header_bytes + decode_padding]);
  size_t filled = 0;
  bool at_end = false;
  while (!at_end && filled < header_bytes) {
    SYSTOLE_ASSIGN(const size_t got, head->read(bytes.get() + filled, std::min(header_bytes - filled, 64 * limits::kibibyte)));
    filled += got;
    at_end = got == 0;
    std::memset(bytes.get() + filled, 0, decode_padding);
    const record_span span{bytes.get(), filled, bytes, bytes.get() + filled, 0, at_end};
    auto length = decoder_->read_header(span);
    if (!length) return fail(length.error().code, length.error().message + ": " + file_.path);
    if (*length > 0 || filled == header_bytes) return {};
  }
  return {};
}

/// The chunk's first record begins behind the first line end at or after begin - 1.
result<void> file_records::align(file_chunk& chunk) {
  SYSTOLE_TRY(stream_->seek(chunk.begin - 1));
  buffer_offset_ = chunk.begin - 1;
  for (;;) {
    SYSTOLE_TRY(fill());
    const char* const from = buffer_.get() + at_;
    const void* const end = std::memchr(from, '\n', available());
    at_ = end ? static_cast<size_t>(static_cast<const char*>(end) - buffer_.get()) + 1 : filled_;
    chunk.position = offset();
    if (chunk.position >= chunk.end || (!end && at_end_)) {
      chunk.done = true;
      return {};
    }
    if (end) return {};
  }
}

result<void> file_records::fill() {
  const size_t carried = available();
  const size_t capacity = std::max(read_bytes_, carried + read_bytes_ / 2);
  std::shared_ptr<char[]> next = pool_.take(capacity + decode_padding);
  if (carried) std::memcpy(next.get(), buffer_.get() + at_, carried);
  buffer_offset_ += at_;
  buffer_ = std::move(next);
  capacity_ = capacity;
  at_ = 0;
  filled_ = carried;
  while (filled_ < capacity_ && !at_end_) {
    SYSTOLE_ASSIGN(const size_t got, stream_->read(buffer_.get() + filled_, capacity_ - filled_));
    filled_ += got;
    at_end_ = got == 0;
  }
  std::memset(buffer_.get() + filled_, 0, decode_padding);
  return {};
}

result<size_t> file_records::decode(file_chunk& chunk, size_t max_records) {
  for (;;) {
    if (chunk.done) return size_t{0};
    size_t limit = filled_;
    bool last = at_end_;
    if (buffer_offset_ + filled_ >= chunk.end) {
      // The last record is the one that holds the byte before the chunk's end.
      const size_t from = std::max<uint64_t>(at_, chunk.end > buffer_offset_ ? chunk.end - 1 - buffer_offset_ : 0);
      if (offset() >= chunk.end) {
        limit = at_;
        last = true;
      } else if (const void* end = std::memchr(buffer_.get() + from, '\n', filled_ - from)) {
        limit = static_cast<size_t>(static_cast<const char*>(end) - buffer_.get()) + 1;
        last = true;
      }
    }
    if (at_ == limit && last) {
      chunk.done = true;
      return size_t{0};
    }
    size_t used = 0;
    if (at_ < limit) {
      const record_span span{buffer_.get() + at_, limit - at_, buffer_, buffer_.get() + filled_, offset(), last};
      auto decoded = decoder_->decode(span, max_records);
      if (!decoded) return fail(decoded.error().code, decoded.error().message + ": " + file_.path);
      used = *decoded;
    }
    if (used == 0) {
      if (last) return fail(error_code::corrupt, "the file's end cannot be decoded: " + file_.path);
      if (available() > limits::record_bytes) {
        SYSTOLE_TRY(reject_oversized(chunk));
        return size_t{0};
      }
      SYSTOLE_TRY(fill());
      continue;
    }
    at_ += used;
    chunk.position = offset();
    if (at_ == limit && last) chunk.done = true;
    return used;
  }
}

/// Gives the record up and reads on to the next line end: memory stays bounded whatever the file holds.
result<void> file_records::reject_oversized(file_chunk& chunk) {
  const std::string_view head(buffer_.get() + at_, limits::record_bytes);
  oversized_.push_back({.reason = "a record longer than limits::record_bytes (16 MiB)",
                        .sqlstate = "54000",
                        .offset = offset(),
                        .raw = head});
  oversized_bytes_.push_back(buffer_);
  for (;;) {
    const void* const end = std::memchr(buffer_.get() + at_, '\n', available());
    at_ = end ? static_cast<size_t>(static_cast<const char*>(end) - buffer_.get()) + 1 : filled_;
    chunk.position = offset();
    if (end || at_end_) break;
    SYSTOLE_TRY(fill());
  }
  if (chunk.position >= chunk.end || (at_end_ && at_ == filled_)) chunk.done = true;
  return {};
}

decoded_records file_records::take() {
  decoded_records taken = decoder_->take();
  for (size_t i = 0; i < oversized_.size(); ++i) {
    ++taken.records;
    taken.owners.push_back(oversized_bytes_[i]);
    taken.rejects.push_back(std::move(oversized_[i]));
  }
  oversized_.clear();
  oversized_bytes_.clear();
  return taken;
}

}  // namespace systole
