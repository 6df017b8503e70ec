#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include <xxhash.h>

#include "base/file_system.h"
#include "base/limits.h"
#include "base/result.h"

namespace systole {

/// XXH3-64 of bytes that come in pieces.
class running_checksum {
 public:
  running_checksum() : state_(XXH3_createState()) { XXH3_64bits_reset(state_.get()); }
  void add(std::string_view piece) { XXH3_64bits_update(state_.get(), piece.data(), piece.size()); }
  uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  struct free_state {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, free_state> state_;
};

/// Calls visit(piece) for the first `bytes` bytes of a file; `corrupt`, naming it, where it is shorter.
template <class Visit>
result<void> read_pieces(const readable_file& file, uint64_t bytes, const std::string& path, Visit&& visit) {
  std::string buffer;
  for (uint64_t offset = 0; offset < bytes;) {
    buffer.resize(std::min<uint64_t>(limits::read_chunk_bytes, bytes - offset));
    SYSTOLE_ASSIGN(const size_t got, file.read(offset, buffer.size(), buffer.data()));
    if (got != buffer.size()) {
      return fail(error_code::corrupt, "checkpoint file " + path + " is shorter than its " + std::to_string(bytes) +
                                           " bytes: restore an older epoch with --rewind");
    }
    SYSTOLE_TRY(visit(std::string_view(buffer)));
    offset += got;
  }
  return {};
}

/// XXH3-64 of the first `bytes` bytes of a file.
inline result<uint64_t> checksum_of(file_system& files, const std::string& path, uint64_t bytes) {
  SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> file, files.open(path));
  running_checksum hash;
  SYSTOLE_TRY(read_pieces(*file, bytes, path, [&](std::string_view piece) -> result<void> {
    hash.add(piece);
    return {};
  }));
  return hash.value();
}

}  // namespace systole
