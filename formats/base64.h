#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace systole {

/// Bytes as base64 (RFC 4648, section 4, padded). REQUIRES: room for base64_bytes(bytes.size()). Returns the end.
char* write_base64(char* at, std::string_view bytes);
constexpr size_t base64_bytes(size_t bytes) { return (bytes + 2) / 3 * 4; }
std::string to_base64(std::string_view bytes);
/// Nothing for other characters, or a length that is no multiple of four.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace systole
