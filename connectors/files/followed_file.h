#pragma once

#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/buffer_pool.h"
#include "formats/record_decoder.h"

namespace systole {

/// How far a followed file was read.
struct followed_position {
  uint32_t number = 0;                     ///< row_position.split; one file's for the job's whole life
  uint64_t next = 0;                       ///< the byte at which the next record begins
  uint64_t head_bytes = 0, head_xxh3 = 0;  ///< of its first bytes when they were last looked at: tells a replaced file
  uint64_t records = 0;
  timestamp_us newest = watermark_none, announced = watermark_none;
};

/// Reads the whole lines of a plain file that others append to; a last line without its end waits for it. One thread.
class followed_file {
 public:
  followed_file(file_system& files, std::string path, followed_position at, std::unique_ptr<record_decoder> decoder)
      : files_(&files), path_(std::move(path)), at_(at), decoder_(std::move(decoder)) {}

  const std::string& path() const { return path_; }
  followed_position& at() { return at_; }
  const followed_position& at() const { return at_; }

  /// Looks at the file's size: true where there are bytes that were not looked at. `incompatible`, naming the file, where
  /// it became shorter or is another one; `not_found` where it is gone.
  result<bool> has_more();
  /// Decodes up to `most` records; none where no whole line is there.
  result<decoded_records> read(size_t most, buffer_pool& pool);
  /// From the next record to the end, as it was when it was last looked at.
  uint64_t unread_bytes() const { return size_ > at_.next ? size_ - at_.next : 0; }
  /// Lets the file go until more of it is read.
  void close() { handle_.reset(); }

 private:
  result<void> check_head(uint64_t size);
  result<void> read_header();

  file_system* files_;
  std::string path_;
  followed_position at_;
  std::unique_ptr<record_decoder> decoder_;
  std::unique_ptr<readable_file> handle_;
  uint64_t size_ = 0;        ///< when it was last looked at
  uint64_t looked_at_ = 0;   ///< bytes in which no further whole line is
  bool header_known_ = false;
};

}  // namespace systole
