#include "control/listen_address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace systole {

bool listen_address::is_loopback() const {
  in_addr four{};
  if (::inet_pton(AF_INET, address.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  in6_addr six{};
  return ::inet_pton(AF_INET6, address.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

std::string listen_address::text() const {
  const bool six = address.find(':') != std::string::npos;
  return (six ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

result<listen_address> parse_listen_address(std::string_view text) {
  const failure wrong = fail(error_code::invalid_argument, "write PORT, ADDRESS:PORT or [ADDRESS]:PORT with a numeric address: " +
                                                               std::string(text));
  listen_address made;
  const size_t colon = text.rfind(':');
  const std::string_view port = colon == std::string_view::npos ? text : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), made.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) return wrong;
  if (colon == std::string_view::npos || colon == 0) return made;
  std::string_view address = text.substr(0, colon);
  const bool bracketed = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (bracketed) address = address.substr(1, address.size() - 2);
  if (address == "localhost") return made;
  made.address = address;
  unsigned char bytes[sizeof(in6_addr)];
  if (::inet_pton(bracketed ? AF_INET6 : AF_INET, made.address.c_str(), bytes) != 1) return wrong;
  return made;
}

}  // namespace systole
