#pragma once

#include <cstdint>
#include <optional>

namespace systole {

/// How many records so many bytes are likely to hold, going by those that were read; nothing where none was read yet.
inline std::optional<uint64_t> estimated_records(uint64_t bytes, uint64_t read_records, uint64_t read_bytes) {
  if (bytes == 0) return 0;
  if (read_records == 0 || read_bytes == 0) return std::nullopt;
  const double each = static_cast<double>(read_bytes) / static_cast<double>(read_records);
  return static_cast<uint64_t>(static_cast<double>(bytes) / each) + 1;
}

}  // namespace systole
