#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace systole {

enum class log_level { debug, info, warning, error };

/// Writes one structured line to stderr. Callers never pass a record's payload. Thread-safe.
void log_line(log_level level, std::string_view component, std::string_view message);
void set_log_level(log_level level);
const char* name_of(log_level level);

/// A line that was written, for those who cannot see this process's stderr.
struct logged_line {
  uint64_t sequence = 0;  ///< from 1 on, without gaps
  int64_t at_us = 0;      ///< Unix time
  log_level level = log_level::info;
  std::string text;  ///< "component: message", cut to logged_line_bytes
};
inline constexpr size_t logged_lines = 1000;  ///< that are kept
inline constexpr size_t logged_line_bytes = 2048;
/// The kept lines after a sequence number, oldest first, `most` at most. Thread-safe.
std::vector<logged_line> lines_logged_after(uint64_t sequence, size_t most);

}  // namespace systole
