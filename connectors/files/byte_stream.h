#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/result.h"

namespace systole {

/// How a file's bytes are packed, told by its first bytes.
enum class file_packing : uint8_t { plain, gzip, zstd };

/// Reads a file's (unpacked) bytes in order. One thread.
class byte_stream {
 public:
  virtual ~byte_stream() = default;
  /// Fills up to `length` bytes; 0 only at the end. `corrupt` for broken packing.
  virtual result<size_t> read(char* into, size_t length) = 0;
  /// Goes on at an offset of the unpacked bytes; packed files are unpacked up to it. Forwards only where packed.
  virtual result<void> seek(uint64_t offset) = 0;
};

/// RFC 1952 (gzip), RFC 8878 (zstd); anything else is plain.
result<file_packing> packing_of(const readable_file& file);
result<std::unique_ptr<byte_stream>> open_byte_stream(std::shared_ptr<readable_file> file, file_packing packing,
                                                      const std::string& path);

}  // namespace systole
