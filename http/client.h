#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "http/message.h"

namespace systole {

struct http_client_options {
  std::string url;                             ///< http://host:port or https://host:port
  std::string certificate_authority;           ///< PEM file of the server's; empty: the system's
  std::string token;                           ///< sent as a bearer token
  std::chrono::milliseconds patience{10'000};  ///< for one answer, connecting included
};

/// One request, one answer; blocks. `unavailable` where there is no answer within the time; an answer of any status is
/// no failure.
result<http_response> http_call(const http_client_options& options, const std::string& method,
                                const std::string& target, std::string body = {});

/// Reads server-sent events until the server closes, or `on_event` says false; then gives an answer without a body. An
/// answer that is no such stream is given whole, as by http_call.
result<http_response> http_events(const http_client_options& options, const std::string& target,
                         const std::function<bool(std::string_view name, std::string_view data)>& on_event);

/// A request with headers of its own (neither Host nor Content-Length, which the client adds).
struct http_message {
  std::string method;
  std::string target;  ///< encoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body;
  uint64_t most_answer_bytes = limits::http_answer_bytes;
};

class client_exchange;

/// A client that keeps its connection between requests. The options' token is not sent. One thread at a time.
class http_client {
 public:
  explicit http_client(http_client_options options);
  ~http_client();
  /// As http_call. After a failure the request may have been carried out: it is not repeated here.
  result<http_response> call(const http_message& message);

 private:
  http_client_options options_;
  std::unique_ptr<client_exchange> open_;
  std::chrono::steady_clock::time_point used_;
};

}  // namespace systole
