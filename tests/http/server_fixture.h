#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "http/client.h"
#include "http/server.h"

namespace systole::testing {

inline std::unique_ptr<http_server> started(http_handler handler, const http_server_options& options = {}) {
  auto made = http_server::start(options, std::move(handler));
  if (!made) {
    ADD_FAILURE() << made.error().message;
    std::abort();
  }
  return std::move(made).value();
}

/// Tells what it was asked.
inline void echo(http_request request, const http_answer& answer) {
  http_response response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) response.body += " " + name + "=" + value;
  if (!request.body.empty()) response.body += " body " + std::to_string(request.body.size());
  answer(std::move(response));
}

inline http_client_options client_of(const http_server& server) {
  http_client_options made;
  made.url = "http://127.0.0.1:" + std::to_string(server.port());
  return made;
}

inline bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace systole::testing
