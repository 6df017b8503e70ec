#include "base/error_codes.h"

namespace systole {

const char* error_code_name(error_code code) {
  switch (code) {
    case error_code::invalid_argument: return "invalid_argument";
    case error_code::not_found: return "not_found";
    case error_code::already_exists: return "already_exists";
    case error_code::corrupt: return "corrupt";
    case error_code::incompatible: return "incompatible";
    case error_code::io: return "io";
    case error_code::disk_full: return "disk_full";
    case error_code::unavailable: return "unavailable";
    case error_code::fenced: return "fenced";
    case error_code::limit_exceeded: return "limit_exceeded";
    case error_code::cancelled: return "cancelled";
    case error_code::data: return "data";
    case error_code::internal: return "internal";
  }
  return "internal";
}

error_code error_code_named(std::string_view name) {
  for (int i = 0; i < static_cast<int>(error_code::internal); ++i)
    if (name == error_code_name(static_cast<error_code>(i))) return static_cast<error_code>(i);
  return error_code::internal;
}

}  // namespace systole
