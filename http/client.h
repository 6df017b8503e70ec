#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

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

/// Reads server-sent events until the server closes, or `on_event` says false.
result<void> http_events(const http_client_options& options, const std::string& target,
                         const std::function<bool(std::string_view name, std::string_view data)>& on_event);

}  // namespace systole
