#pragma once

#include <string_view>

namespace systole {

/// True for valid UTF-8 (RFC 3629) without U+0000, which TEXT cannot hold.
bool is_text(std::string_view bytes);
/// True for valid UTF-8.
bool is_utf8(std::string_view bytes);

}  // namespace systole
