#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace systole {

/// The byte of the first invalid sequence, or npos. Strict: no surrogates, no overlong forms, up to U+10FFFF.
size_t invalid_utf8(std::string_view text);
/// True where all bytes are below 0x80; the fast path of everything that counts characters.
bool is_ascii(std::string_view text);
/// The number of characters (code points) of valid UTF-8.
size_t utf8_length(std::string_view text);
/// The byte at which the character `characters` starts; text.size() where there are fewer.
size_t utf8_offset(std::string_view text, size_t characters);
/// Bytes of the character that starts with `lead`; 1 for a byte that starts none.
inline size_t utf8_width(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}
/// The code point that starts at `text`, which is valid and not empty.
char32_t utf8_decode(std::string_view text);
void utf8_append(std::string& out, char32_t code_point);

}  // namespace systole
