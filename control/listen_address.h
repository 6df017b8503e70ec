#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace systole {

/// Where a server of ours listens.
struct listen_address {
  std::string address = "127.0.0.1";  ///< numeric, IPv6 without brackets
  uint16_t port = 0;                  ///< 0: any free one

  /// True where only this machine can reach it.
  bool is_loopback() const;
  std::string text() const;  ///< ADDRESS:PORT, IPv6 in brackets
};

/// Reads PORT, :PORT, ADDRESS:PORT or [IPV6]:PORT. An address that is not given is 127.0.0.1; names are not looked up,
/// but for localhost.
result<listen_address> parse_listen_address(std::string_view text);

}  // namespace systole
