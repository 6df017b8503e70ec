#pragma once

#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/buffer_pool.h"
#include "connectors/files/byte_stream.h"
#include "connectors/files/file_splits.h"
#include "formats/record_decoder.h"

namespace systole {

/// Reads the records of one file, chunk by chunk: fills buffers, carries broken-off records over to the next one, finds
/// where a chunk's first record begins and its last one ends. One thread.
class file_records {
 public:
  /// `pool` outlives this.
  file_records(file_system& files, source_file file, std::unique_ptr<record_decoder> decoder, buffer_pool& pool,
               size_t read_bytes);

  /// Goes to the chunk's position.
  result<void> start(file_chunk& chunk);
  /// Decodes up to `max_records` records of the chunk into the decoder's batch; moves chunk.position and sets chunk.done
  /// at its end. Gives the bytes it read over.
  result<size_t> decode(file_chunk& chunk, size_t max_records);
  size_t pending_records() const { return decoder_->pending_records(); }
  decoded_records take();
  const source_file& file() const { return file_; }

 private:
  result<void> read_header();
  /// Reads on behind what is left in the buffer.
  result<void> fill();
  result<void> align(file_chunk& chunk);
  result<void> reject_oversized(file_chunk& chunk);
  size_t available() const { return filled_ - at_; }
  uint64_t offset() const { return buffer_offset_ + at_; }

  file_system& files_;
  source_file file_;
  std::unique_ptr<record_decoder> decoder_;
  buffer_pool& pool_;
  size_t read_bytes_;
  std::shared_ptr<readable_file> handle_;
  std::unique_ptr<byte_stream> stream_;
  std::shared_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t at_ = 0;               ///< next byte to decode
  size_t filled_ = 0;
  uint64_t buffer_offset_ = 0;  ///< of buffer_[0] in the file
  bool at_end_ = false;
  std::vector<rejected_record> oversized_;
  std::vector<std::shared_ptr<char[]>> oversized_bytes_;
};

}  // namespace systole
