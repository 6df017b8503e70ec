#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/message.h"

namespace systole {

struct http_server_options {
  std::string address = "127.0.0.1";  ///< a numeric address; all of them only where that is said: 0.0.0.0 or ::
  uint16_t port = 0;                  ///< 0: any free one, see http_server::port()
  std::string certificate;            ///< PEM file; with `key` the server speaks TLS 1.2 or later
  std::string key;
};

/// An HTTP/1.1 server on one thread of its own. Connections, request heads and bodies, answers under way and idle times
/// have limits (base/limits.h, http_*). Ends in its destructor, whatever is open.
class http_server {
 public:
  static result<std::unique_ptr<http_server>> start(const http_server_options& options, http_handler handler);
  virtual ~http_server() = default;
  virtual uint16_t port() const = 0;
};

}  // namespace systole
