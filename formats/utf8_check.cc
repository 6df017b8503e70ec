#include "formats/utf8_check.h"

#include <simdjson.h>

#include <cstring>

namespace systole {

bool is_utf8(std::string_view bytes) { return bytes.empty() || simdjson::validate_utf8(bytes.data(), bytes.size()); }

bool is_text(std::string_view bytes) {
  return bytes.empty() || (!std::memchr(bytes.data(), 0, bytes.size()) && is_utf8(bytes));
}

}  // namespace systole
