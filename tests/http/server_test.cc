#include "http/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "http/client.h"
#include "raw_client.h"

namespace systole {
namespace {

using namespace std::chrono_literals;
using testing::raw_client;

std::unique_ptr<http_server> started(http_handler handler, const http_server_options& options = {}) {
  auto made = http_server::start(options, std::move(handler));
  if (!made) {
    ADD_FAILURE() << made.error().message;
    std::abort();
  }
  return std::move(made).value();
}

/// Tells what it was asked.
void echo(http_request request, http_answer answer) {
  http_response response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) response.body += " " + name + "=" + value;
  if (!request.body.empty()) response.body += " body " + std::to_string(request.body.size());
  answer(std::move(response));
}

http_client_options client_of(const http_server& server) {
  http_client_options made;
  made.url = "http://127.0.0.1:" + std::to_string(server.port());
  return made;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(http_server, answers_a_get) {
  const auto server = started(echo);
  const auto answer = http_call(client_of(*server), "GET", "/a/b%20c?x=1&y=two+words%26");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200u);
  EXPECT_EQ(answer->body, "GET /a/b c x=1 y=two words&");
  EXPECT_EQ(answer->content_type, "text/plain");
}

TEST(http_server, answers_a_post_with_a_body) {
  const auto server = started(echo);
  const auto answer = http_call(client_of(*server), "POST", "/jobs", std::string(5'000'000, 'x'));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "POST /jobs body 5000000");
}

}  // namespace
}  // namespace systole
