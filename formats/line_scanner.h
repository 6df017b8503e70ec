#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/limits.h"

namespace systole {

/// Bytes that a decoder indexes at once: their positions stay in the second-level cache until the walk reads them.
inline constexpr size_t scan_window_bytes = 64 * limits::kibibyte;

/// Where lines end in a window of bytes.
struct scanned_lines {
  std::vector<uint32_t> ends;  ///< offsets of '\n', ascending
  std::vector<bool> marked;    ///< unused unless any_marked: whether the line that ends there holds `mark`
  bool any_marked = false;
};

/// Finds up to `max_lines` line ends in data[0, size) and whether `mark` (a byte other than '\n') occurs in the bytes
/// up to the last of them. Reads each byte once, 64 at a time, with AVX2 where the machine has it.
void scan_lines(const char* data, size_t size, char mark, size_t max_lines, scanned_lines& out);

/// What occurs in a text that is one line, or is to become one.
struct scanned_text {
  bool has_end = false;   ///< a '\n'
  bool has_mark = false;
};
/// Reads data[0, size) once as scan_lines() does. REQUIRES: 64 bytes behind it can be read.
scanned_text scan_text(const char* data, size_t size, char mark);

}  // namespace systole
