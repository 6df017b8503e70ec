#include "formats/json_string.h"

#include <cstdint>
#include <cstring>

namespace systole {
namespace {

/// The value of four hexadecimal digits, or -1.
int hex_quad(std::string_view text) {
  if (text.size() < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = text[static_cast<size_t>(i)];
    int digit;
    if (c >= '0' && c <= '9') digit = c - '0';
    else if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    else return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool is_high_surrogate(int unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low_surrogate(int unit) { return unit >= 0xdc00 && unit < 0xe000; }

size_t append_utf8(char* into, uint32_t point) {
  if (point < 0x80) {
    into[0] = static_cast<char>(point);
    return 1;
  }
  if (point < 0x800) {
    into[0] = static_cast<char>(0xc0 | point >> 6);
    into[1] = static_cast<char>(0x80 | (point & 0x3f));
    return 2;
  }
  if (point < 0x10000) {
    into[0] = static_cast<char>(0xe0 | point >> 12);
    into[1] = static_cast<char>(0x80 | (point >> 6 & 0x3f));
    into[2] = static_cast<char>(0x80 | (point & 0x3f));
    return 3;
  }
  into[0] = static_cast<char>(0xf0 | point >> 18);
  into[1] = static_cast<char>(0x80 | (point >> 12 & 0x3f));
  into[2] = static_cast<char>(0x80 | (point >> 6 & 0x3f));
  into[3] = static_cast<char>(0x80 | (point & 0x3f));
  return 4;
}

char simple_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

}  // namespace

json_escape_error check_json_escapes(std::string_view inside) {
  size_t at = 0;
  while ((at = inside.find('\\', at)) != std::string_view::npos) {
    if (at + 1 >= inside.size()) return json_escape_error::malformed;
    if (inside[at + 1] != 'u') {
      if (!simple_escape(inside[at + 1])) return json_escape_error::malformed;
      at += 2;
      continue;
    }
    const int unit = hex_quad(inside.substr(at + 2));
    if (unit < 0) return json_escape_error::malformed;
    if (unit == 0) return json_escape_error::null_character;
    if (is_low_surrogate(unit)) return json_escape_error::lone_surrogate;
    at += 6;
    if (is_high_surrogate(unit)) {
      const int low = inside.substr(at, 2) == "\\u" ? hex_quad(inside.substr(at + 2)) : -1;
      if (!is_low_surrogate(low)) return json_escape_error::lone_surrogate;
      at += 6;
    }
  }
  return json_escape_error::none;
}

size_t unescape_json(std::string_view inside, char* into) {
  char* out = into;
  size_t at = 0;
  for (;;) {
    const size_t escape = inside.find('\\', at);
    const size_t plain = (escape == std::string_view::npos ? inside.size() : escape) - at;
    std::memcpy(out, inside.data() + at, plain);
    out += plain;
    if (escape == std::string_view::npos) return static_cast<size_t>(out - into);
    if (inside[escape + 1] != 'u') {
      *out++ = simple_escape(inside[escape + 1]);
      at = escape + 2;
      continue;
    }
    uint32_t point = static_cast<uint32_t>(hex_quad(inside.substr(escape + 2)));
    at = escape + 6;
    if (is_high_surrogate(static_cast<int>(point))) {
      const uint32_t low = static_cast<uint32_t>(hex_quad(inside.substr(at + 2)));
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      at += 6;
    }
    out += append_utf8(out, point);
  }
}

}  // namespace systole
