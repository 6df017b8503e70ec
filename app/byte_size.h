#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace systole {

/// "512MiB", "2GiB", "64KiB", "1000B" or plain bytes; nothing where it is anything else or does not fit.
std::optional<size_t> parse_byte_size(std::string_view text);

}  // namespace systole
