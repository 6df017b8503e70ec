#pragma once

#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/ids.h"
#include "base/result.h"
#include "state/changes/delta_format.h"

namespace systole {

/// Reads a segment file from front to end, one verified chunk at a time; every error names the file. One thread.
class segment_reader {
 public:
  /// `bytes` and `xxh3` are what the checkpoint's metadata says of the whole file.
  static result<std::unique_ptr<segment_reader>> open(file_system& files, const std::string& path, uint64_t bytes,
                                                      uint64_t xxh3);

  const segment_header& header() const { return header_; }

  /// The next chunk's table, or false at the verified end of the file. Records of the chunk are then read by next().
  result<bool> next_chunk();
  const table_shape& table() const { return chunk_.table; }
  uint32_t records() const { return chunk_.records; }
  /// All records of the chunk, for those who read them with read_record(), and what to return where that fails.
  std::string_view payload() const { return buffer_; }
  failure malformed() const { return damaged("has a malformed record"); }
  /// The next record of the chunk, valid until next_chunk(); false after the last.
  result<bool> next(delta_record& record);

 private:
  segment_reader() = default;
  result<std::string_view> read(size_t length);
  result<bool> finish();
  failure damaged(std::string_view how) const;

  struct free_state { void operator()(XXH3_state_t* state) const { XXH3_freeState(state); } };
  std::string path_;
  std::unique_ptr<readable_file> file_;
  std::unique_ptr<XXH3_state_t, free_state> hash_{XXH3_createState()};
  segment_header header_;
  chunk_header chunk_;
  std::string buffer_;
  byte_reader rest_{std::string_view()};
  uint64_t bytes_ = 0;
  uint64_t expected_xxh3_ = 0;
  uint64_t offset_ = 0;
  uint64_t seed_ = 0;
  uint64_t records_seen_ = 0;
  uint32_t chunks_seen_ = 0;
  uint32_t left_ = 0;
};

}  // namespace systole
