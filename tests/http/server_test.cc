#include "http/server.h"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "raw_client.h"
#include "server_fixture.h"

namespace systole {
namespace {

using namespace std::chrono_literals;
using namespace systole::testing;

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

TEST(http_server, gives_a_handler_headers_and_peer) {
  http_request seen;
  const auto server = started([&](http_request request, const http_answer& answer) {
    seen = std::move(request);
    answer({});
  });
  http_client_options options = client_of(*server);
  options.token = "secret";
  ASSERT_TRUE(http_call(options, "GET", "/"));
  EXPECT_EQ(seen.headers["authorization"], "Bearer secret");
  EXPECT_TRUE(seen.peer.starts_with("127.0.0.1:")) << seen.peer;
}

TEST(http_server, keeps_a_connection_alive) {
  const auto server = started(echo);
  raw_client client(server->port());
  for (int round = 0; round < 3; ++round) {
    client.send("GET /round" + std::to_string(round) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(client.receive_answer().ends_with("GET /round" + std::to_string(round)));
  }
  client.send("GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string last = client.receive_all();
  EXPECT_TRUE(has(last, "Connection: close\r\n")) << last;
  EXPECT_TRUE(client.ended());
}

TEST(http_server, closes_after_an_answer_to_http_1_0) {
  const auto server = started(echo);
  raw_client client(server->port());
  client.send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.receive_all().ends_with("GET /old"));
  EXPECT_TRUE(client.ended());
}

TEST(http_server, answers_pipelined_requests_in_order) {
  std::vector<http_answer> waiting;
  std::promise<void> first_is_there;
  const auto server = started([&](http_request request, http_answer answer) {
    if (request.path == "/slow") {
      waiting.push_back(std::move(answer));
      first_is_there.set_value();
    } else {
      echo(std::move(request), answer);
    }
  });
  raw_client client(server->port());
  client.send(
      "GET /slow HTTP/1.1\r\nHost: x\r\n\r\nPOST /second HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /third "
      "HTTP/1.1\r\nHost: x\r\n\r\n");
  first_is_there.get_future().wait();
  http_response late;
  late.body = "late";
  waiting[0](late);
  EXPECT_TRUE(client.receive_answer().ends_with("late"));
  EXPECT_TRUE(client.receive_answer().ends_with("POST /second body 3"));
  EXPECT_TRUE(client.receive_answer().ends_with("GET /third"));
}

TEST(http_server, takes_a_request_byte_by_byte_and_in_chunks) {
  const auto server = started(echo);
  raw_client client(server->port());
  const std::string request =
      "POST /parts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
  for (const char byte : request) client.send(std::string_view(&byte, 1));
  EXPECT_TRUE(client.receive_answer().ends_with("POST /parts body 11"));
}

TEST(http_server, invites_a_client_that_expects_to_be) {
  const auto server = started(echo);
  raw_client client(server->port());
  client.send("POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive_some(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_TRUE(client.receive_answer().ends_with("POST /big body 4"));
}

TEST(http_server, answers_head_without_a_body) {
  const auto server = started(echo);
  raw_client client(server->port());
  client.send("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = client.receive_all();
  EXPECT_TRUE(has(answer, "Content-Length: 7\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
  const auto answered = http_call(client_of(*server), "HEAD", "/x");
  ASSERT_TRUE(answered) << answered.error().message;
  EXPECT_EQ(answered->body, "");
}

TEST(http_server, lets_no_header_value_end_its_line) {
  const auto server = started([](const http_request&, const http_answer& answer) {
    http_response response;
    response.headers["X-Said"] = "one\r\nX-Forged: two";
    answer(response);
  });
  const auto answer = http_call(client_of(*server), "GET", "/");
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->headers.contains("x-forged"));
  EXPECT_EQ(answer->headers.at("x-said"), "oneX-Forged: two");
}

TEST(http_server, takes_answers_from_other_threads) {
  std::vector<std::thread> answering;
  std::mutex mutex;
  const auto server = started([&](http_request request, http_answer answer) {
    const std::lock_guard held(mutex);
    answering.emplace_back(
        [request = std::move(request), answer = std::move(answer)]() mutable { echo(std::move(request), answer); });
  });
  std::vector<std::thread> asking;
  std::atomic<int> right = 0;
  for (int thread = 0; thread < 8; ++thread) {
    asking.emplace_back([&, thread] {
      raw_client client(server->port());
      for (int round = 0; round < 50; ++round) {
        const std::string path = "/" + std::to_string(thread) + "/" + std::to_string(round);
        client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
        if (client.receive_answer().ends_with("GET " + path)) ++right;
      }
    });
  }
  for (std::thread& each : asking) each.join();
  for (std::thread& each : answering) each.join();
  EXPECT_EQ(right, 8 * 50);
}

TEST(http_server, answers_500_where_the_handler_throws_or_forgets) {
  const auto server = started([](const http_request& request, const http_answer&) {
    if (request.path == "/throw") throw std::runtime_error("a record's text");
  });
  for (const char* path : {"/throw", "/forget"}) {
    const auto answer = http_call(client_of(*server), "GET", path);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 500u);
    EXPECT_TRUE(has(answer->body, "\"code\": \"internal\"")) << answer->body;
    EXPECT_FALSE(has(answer->body, "record's text"));
  }
}

TEST(http_server, answers_400_to_what_is_no_request) {
  const auto server = started(echo);
  for (const char* wrong :
       {"nonsense\r\n\r\n", "GET /\xff HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1\r\n\r\n",
        "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"}) {
    raw_client client(server->port());
    client.send(wrong);
    const std::string answer = client.receive_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << wrong << answer;
    EXPECT_TRUE(has(answer, "\"code\": \"invalid_argument\"")) << answer;
    EXPECT_TRUE(client.ended());
  }
}

TEST(http_server, names_an_address_that_is_in_use) {
  const auto server = started(echo);
  http_server_options same;
  same.port = server->port();
  const auto second = http_server::start(same, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "cannot listen on 127.0.0.1:" + std::to_string(server->port()) + ": Address already in use");
}

TEST(http_server, refuses_an_address_that_is_a_name) {
  http_server_options options;
  options.address = "localhost";
  const auto refused = http_server::start(options, echo);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::invalid_argument);
  EXPECT_TRUE(has(refused.error().message, "localhost"));
}

TEST(http_server, listens_on_ipv6_where_there_is_some) {
  http_server_options options;
  options.address = "::1";
  const auto server = http_server::start(options, echo);
  if (!server) {
    EXPECT_TRUE(has(server.error().message, "cannot listen on [::1]:0: ")) << server.error().message;
    return;
  }
  http_client_options client;
  client.url = "http://[::1]:" + std::to_string((*server)->port());
  const auto answer = http_call(client, "GET", "/six");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "GET /six");
}

TEST(http_server, ends_while_answers_are_under_way) {
  std::promise<http_answer> taken;
  auto server = started([&](const http_request&, http_answer answer) { taken.set_value(std::move(answer)); });
  raw_client client(server->port());
  raw_client idle(server->port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const http_answer answer = taken.get_future().get();
  server.reset();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(idle.receive_all(), "");
  answer({});  // nobody hears it, and nothing happens
}

TEST(http_server, ends_while_others_answer) {
  for (int round = 0; round < 20; ++round) {
    std::promise<http_answer> taken;
    auto server = started([&](const http_request&, http_answer answer) { taken.set_value(std::move(answer)); });
    raw_client client(server->port());
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    std::thread other([answer = taken.get_future().get()] { answer({}); });
    server.reset();
    other.join();
  }
}

}  // namespace
}  // namespace systole
