#include "state/changes/segment_reader.h"

namespace systole {

failure segment_reader::damaged(std::string_view how) const {
  return fail(error_code::corrupt, "state file " + path_ + " " + std::string(how) + " (near byte " +
                                       std::to_string(offset_) + "): restore an older epoch with --rewind");
}

result<std::unique_ptr<segment_reader>> segment_reader::open(file_system& files, const std::string& path, uint64_t bytes,
                                                             uint64_t xxh3) {
  std::unique_ptr<segment_reader> made(new segment_reader);
  made->path_ = path;
  SYSTOLE_ASSIGN(made->file_, files.open(path));
  SYSTOLE_ASSIGN(const uint64_t size, made->file_->size());
  if (size < bytes) return made->damaged("is shorter than its checkpoint says");
  made->bytes_ = bytes;
  made->expected_xxh3_ = xxh3;
  XXH3_64bits_reset(made->hash_.get());
  SYSTOLE_ASSIGN(const std::string_view head, made->read(segment_header_bytes));
  auto header = decode_segment_header(head);
  if (!header) return fail(header.error().code, "state file " + path + " " + header.error().message);
  made->header_ = *header;
  made->seed_ = chunk_seed(head);
  return made;
}

result<std::string_view> segment_reader::read(size_t length) {
  if (length > bytes_ - offset_) return damaged("ends in the middle of a chunk");
  buffer_.resize(length);
  SYSTOLE_ASSIGN(const size_t got, file_->read(offset_, length, buffer_.data()));
  if (got != length) return damaged("could not be read to its end");
  offset_ += length;
  XXH3_64bits_update(hash_.get(), buffer_.data(), length);
  return std::string_view(buffer_);
}

result<bool> segment_reader::next_chunk() {
  SYSTOLE_ASSIGN(const std::string_view head, read(chunk_header_bytes));
  const std::string encoded(head);
  chunk_ = decode_chunk_header(encoded);
  SYSTOLE_ASSIGN(const std::string_view payload, read(chunk_.length));
  if (chunk_.xxh3 != chunk_checksum(encoded, payload, seed_)) return damaged("has a chunk with a wrong checksum");
  if (chunk_.table.kind == table_kind::footer) return finish();
  if (chunk_.sequence != chunks_seen_) return damaged("lacks a chunk");
  if (chunk_.table.kind < table_kind::values || chunk_.table.kind > table_kind::timers) {
    return damaged("has a chunk of an unknown kind of table");
  }
  ++chunks_seen_;
  records_seen_ += chunk_.records;
  left_ = chunk_.records;
  rest_ = byte_reader(payload);
  return true;
}

result<bool> segment_reader::finish() {
  byte_reader totals{std::string_view(buffer_)};
  totals.fixed<uint64_t>();  // the epoch, for people who look into the file
  if (chunk_.records != chunks_seen_ || totals.fixed<uint64_t>() != records_seen_ || !totals.ok()) {
    return damaged("lacks a chunk");
  }
  if (offset_ != bytes_) return damaged("goes on behind its end");
  if (XXH3_64bits_digest(hash_.get()) != expected_xxh3_) return damaged("has a wrong checksum");
  return false;
}

result<bool> segment_reader::next(delta_record& record) {
  if (left_ == 0) {
    if (!rest_.at_end()) return damaged("has bytes behind a chunk's last record");
    return false;
  }
  --left_;
  if (!read_record(rest_, chunk_.table, record)) return damaged("has a malformed record");
  return true;
}

}  // namespace systole
