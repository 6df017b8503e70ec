#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace systole {

/// Success where somebody accepts connections at host:port now. Blocks for at most `patience`, name lookup apart.
/// `unavailable`, with the address, otherwise.
result<void> probe_tcp(const std::string& host, uint16_t port, std::chrono::milliseconds patience);

}  // namespace systole
