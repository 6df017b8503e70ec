#include <gtest/gtest.h>

#include <future>
#include <list>
#include <mutex>

#include "raw_client.h"
#include "server_fixture.h"

namespace systole {
namespace {

using namespace std::chrono_literals;
using namespace systole::testing;

http_server_options with(const std::function<void(http_server_limits&)>& change) {
  http_server_options made;
  change(made.limits);
  return made;
}

TEST(http_limits, refuses_a_head_that_is_too_long) {
  const auto server = started(echo, with([](auto& limits) { limits.head_bytes = 1000; }));
  raw_client client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(100'000, 'a'));
  const std::string answer = client.receive_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 431 ")) << answer;
  EXPECT_TRUE(has(answer, "more than 1000 bytes")) << answer;
}

TEST(http_limits, takes_a_body_at_its_limit_and_refuses_one_above) {
  const auto server = started(echo, with([](auto& limits) { limits.body_bytes = 1000; }));
  const auto fits = http_call(client_of(*server), "POST", "/", std::string(1000, 'x'));
  ASSERT_TRUE(fits) << fits.error().message;
  EXPECT_EQ(fits->status, 200u);
  // Far more than the sockets hold: the answer comes although not all was sent.
  for (const size_t size : {size_t(1001), size_t(30'000'000)}) {
    const auto answer = http_call(client_of(*server), "POST", "/", std::string(size, 'x'));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 413u);
    EXPECT_TRUE(has(answer->body, "limit_exceeded"));
  }
}

TEST(http_limits, refuses_a_chunked_body_that_grows_too_long) {
  const auto server = started(echo, with([](auto& limits) { limits.body_bytes = 1000; }));
  raw_client client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int chunk = 0; chunk < 11; ++chunk) client.send("64\r\n" + std::string(100, 'x') + "\r\n");
  EXPECT_TRUE(client.receive_all().starts_with("HTTP/1.1 413 "));
}

TEST(http_limits, cuts_off_who_says_nothing) {
  const auto server = started(echo, with([](auto& limits) { limits.idle = 50ms; }));
  raw_client client(server->port());
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(client.ended());
}

TEST(http_limits, cuts_off_who_keeps_a_connection_without_a_next_request) {
  const auto server = started(echo, with([](auto& limits) { limits.idle = 50ms; }));
  raw_client client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(has(client.receive_answer(), "200 OK"));
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(client.ended());
}

TEST(http_limits, cuts_off_who_sends_a_byte_now_and_then) {
  const auto server = started(echo, with([](auto& limits) { limits.request = 100ms; }));
  raw_client client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n");  // more than one can send in time
  // Each byte is progress, but the request as a whole has a deadline.
  const auto begun = std::chrono::steady_clock::now();
  while (client.send("a") && std::chrono::steady_clock::now() - begun < 5s) {}
  const std::string answer = client.receive_all();
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 408 ")) << answer;
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 4s);
}

TEST(http_limits, tells_who_did_not_finish_a_head) {
  const auto server = started(echo, with([](auto& limits) { limits.request = 50ms; }));
  raw_client client(server->port());
  client.send("GET / HTTP/1.1\r\nHos");
  const std::string answer = client.receive_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n")) << answer;
  EXPECT_TRUE(client.ended());
}

TEST(http_limits, cuts_off_who_does_not_take_the_answer) {
  std::promise<void> answered;
  const auto big = [&](const http_request&, const http_answer& answer) {
    http_response response;
    response.body = std::string(50'000'000, 'x');
    answer(std::move(response));
    answered.set_value();
  };
  const auto server = started(big, with([](auto& limits) {
                                limits.idle = 100ms;
                                limits.connections = 1;
                              }));
  raw_client slow(server->port(), 4096);
  slow.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  answered.get_future().wait();
  // Its place is free once it is cut off.
  std::string got;
  const auto begun = std::chrono::steady_clock::now();
  while (!got.starts_with("HTTP/1.1 400") && std::chrono::steady_clock::now() - begun < 10s) {
    raw_client next(server->port());
    next.send("no request\r\n\r\n");
    got = next.receive_all();
  }
  EXPECT_TRUE(got.starts_with("HTTP/1.1 400")) << got;
}

TEST(http_limits, refuses_connections_above_the_limit) {
  const auto server = started(echo, with([](auto& limits) { limits.connections = 2; }));
  raw_client first(server->port());
  raw_client second(server->port());
  for (raw_client* each : {&first, &second}) {
    each->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(has(each->receive_answer(), "200 OK"));
  }
  raw_client third(server->port());
  const std::string answer = third.receive_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(has(answer, "too many connections")) << answer;
}

TEST(http_limits, refuses_requests_above_the_answers_under_way) {
  std::promise<http_answer> taken;
  const auto server = started(
      [&](http_request request, http_answer answer) {
        if (request.path == "/slow") taken.set_value(std::move(answer));
        else echo(std::move(request), answer);
      },
      with([](auto& limits) { limits.answers = 1; }));
  raw_client slow(server->port());
  slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  const http_answer answer = taken.get_future().get();
  const auto busy = http_call(client_of(*server), "GET", "/");
  ASSERT_TRUE(busy) << busy.error().message;
  EXPECT_EQ(busy->status, 503u);
  EXPECT_EQ(busy->headers.at("retry-after"), "1");
  answer({});
  EXPECT_TRUE(has(slow.receive_answer(), "200 OK"));
  const auto then = http_call(client_of(*server), "GET", "/");
  ASSERT_TRUE(then);
  EXPECT_EQ(then->status, 200u);
}

}  // namespace
}  // namespace systole
