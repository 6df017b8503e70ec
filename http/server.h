#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "http/message.h"

namespace systole {

/// See base/limits.h; tests take less.
struct http_server_limits {
  size_t head_bytes = limits::http_head_bytes;
  size_t body_bytes = limits::http_body_bytes;
  size_t connections = limits::http_connections;
  size_t answers = limits::http_answers;
  size_t events_bytes = limits::http_events_bytes;
  std::chrono::milliseconds idle{limits::http_idle_ms};
  std::chrono::milliseconds request{limits::http_request_ms};
  std::chrono::milliseconds linger{limits::http_linger_ms};
  std::chrono::milliseconds event_ping{limits::http_event_ping_ms};
};

struct http_server_options {
  std::string address = "127.0.0.1";  ///< a numeric address; all of them only where that is said: 0.0.0.0 or ::
  uint16_t port = 0;                  ///< 0: any free one, see http_server::port()
  std::string certificate;            ///< PEM file; with `key` the server speaks TLS 1.2 or later
  std::string key;
  http_server_limits limits;
};

/// An HTTP/1.1 server on one thread of its own. Connections, request heads and bodies, answers under way and idle times
/// have limits (base/limits.h, http_*). Ends in its destructor, whatever is open; answers that come later are ignored.
/// The destructor must not run on the server's thread.
class http_server {
 public:
  static result<std::unique_ptr<http_server>> start(const http_server_options& options, http_handler handler);
  virtual ~http_server() = default;
  virtual uint16_t port() const = 0;
};

}  // namespace systole
