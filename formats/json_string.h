#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace systole {

/// Why a string's escapes are wrong.
enum class json_escape_error : unsigned char { none, malformed, lone_surrogate, null_character };

/// Checks the escapes of a string's inside (between its quotes) whose bytes stage 1 has checked. U+0000 is refused
/// since TEXT cannot hold it, a lone surrogate since UTF-8 cannot.
json_escape_error check_json_escapes(std::string_view inside);

/// Writes the string's characters to `into`, which has room for inside.size() bytes; returns how many.
/// REQUIRES: check_json_escapes gave `none`.
size_t unescape_json(std::string_view inside, char* into);

}  // namespace systole
