#pragma once

#include <string_view>

namespace systole {

enum class log_level { debug, info, warning, error };

/// Writes one structured line to stderr. Callers never pass a record's payload. Thread-safe.
void log_line(log_level level, std::string_view component, std::string_view message);
void set_log_level(log_level level);

}  // namespace systole
