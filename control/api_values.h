#pragma once

#include <string>

#include "base/json_text.h"
#include "data/calendar.h"

namespace systole {

// Values as the API writes them wherever they stand.

inline void write_count(json_text& to, uint64_t number) { to.raw(std::to_string(number)); }

/// RFC 3339 in UTC, microseconds.
inline void write_moment(json_text& to, timestamp_us at) {
  std::string text;
  append_timestamp_fixed(text, at, 'T');
  to.text(text + "Z");
}

}  // namespace systole
