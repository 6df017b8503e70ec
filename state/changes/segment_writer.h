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

/// A finished segment in the task's folder: durable content, but a name that only the store makes durable.
struct sealed_segment {
  std::string path;
  uint64_t bytes = 0;
  uint64_t xxh3 = 0;
  uint64_t records = 0;
};

/// Writes one segment file: header, chunks, footer. One thread at a time. The file is removed by the destructor unless it
/// was sealed.
class segment_writer {
 public:
  segment_writer(file_system& files, std::string path, const segment_header& header);
  ~segment_writer();
  segment_writer(const segment_writer&) = delete;
  segment_writer& operator=(const segment_writer&) = delete;

  result<void> append_chunk(const table_shape& table, uint32_t records, std::string_view payload);
  /// Appends the footer, fdatasyncs and closes. Until then nothing in the file is valid.
  result<sealed_segment> seal(epoch_id epoch);
  /// As seal(), for a file that this process alone will read: not synced.
  result<sealed_segment> finish(epoch_id epoch);
  uint64_t bytes() const { return bytes_; }

 private:
  struct free_state { void operator()(XXH3_state_t* state) const { XXH3_freeState(state); } };
  result<sealed_segment> end(epoch_id epoch, bool durable);
  result<void> append(std::string_view bytes);
  result<void> append_any_chunk(const table_shape& table, uint32_t records, std::string_view payload);

  file_system& files_;
  std::string path_;
  std::string header_;
  std::unique_ptr<writable_file> file_;
  std::unique_ptr<XXH3_state_t, free_state> hash_;
  uint64_t seed_;
  uint64_t bytes_ = 0;
  uint64_t records_ = 0;
  uint32_t chunks_ = 0;
  bool sealed_ = false;
};

}  // namespace systole
