#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace systole {

/// A request's target, RFC 3986: its path and query, decoded.
struct http_target {
  std::string path;
  std::map<std::string, std::string> query;
};
/// Nothing where it does not begin with /, an escape is broken, or a control character is in it.
std::optional<http_target> parse_target(std::string_view target);

/// Text as it may stand in one segment of a path or in a query.
std::string percent_encoded(std::string_view text);

/// Where a server is.
struct http_url {
  bool secure = false;
  std::string host;  ///< an IPv6 address without its brackets
  uint16_t port = 0;
};
/// http://host[:port] or https://host[:port], without a path.
result<http_url> parse_url(std::string_view url);
/// HOST:PORT as in a Host header; without the port where it is the scheme's own.
std::string authority_of(const http_url& url);

}  // namespace systole
