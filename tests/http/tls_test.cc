#include <gtest/gtest.h>

#include <fstream>

#include "certificates.h"
#include "raw_client.h"
#include "server_fixture.h"
#include "tests/support/temporary_directory.h"

namespace systole {
namespace {

using namespace std::chrono_literals;
using namespace systole::testing;

class http_tls : public ::testing::Test {
 protected:
  http_tls() {
    make_certificates(directory_.path(), "server");
    make_certificates(directory_.path(), "other");
    options_.certificate = directory_ / "server.pem";
    options_.key = directory_ / "server.key";
  }
  http_client_options client(const http_server& server, const std::string& host = "127.0.0.1") const {
    http_client_options made;
    made.url = "https://" + host + ":" + std::to_string(server.port());
    made.certificate_authority = directory_ / "server-ca.pem";
    return made;
  }
  temporary_directory directory_;
  http_server_options options_;
};

TEST_F(http_tls, answers_who_trusts_its_authority) {
  const auto server = started(echo, options_);
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto answer = http_call(client(*server, host), "POST", "/secret", std::string(3'000'000, 'x'));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "POST /secret body 3000000");
  }
}

TEST_F(http_tls, is_refused_by_who_trusts_another_authority_or_only_the_systems) {
  const auto server = started(echo, options_);
  for (const std::string& authority : {directory_ / "other-ca.pem", std::string()}) {
    http_client_options options = client(*server);
    options.certificate_authority = authority;
    const auto answer = http_call(options, "GET", "/");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, error_code::invalid_argument) << "it would be the same next time";
    EXPECT_TRUE(has(answer.error().message, "certificate verify failed: ")) << answer.error().message;
  }
}

TEST_F(http_tls, is_refused_under_a_name_that_is_not_in_the_certificate) {
  const auto server = started(echo, options_);
  const auto answer = http_call(client(*server, "127.0.0.2"), "GET", "/");
  ASSERT_FALSE(answer);
  // Where the system routes all of 127/8 here, the certificate is what is wrong; elsewhere nobody listens.
  EXPECT_EQ(answer.error().code, error_code::unavailable);
}

TEST_F(http_tls, names_the_file_that_is_no_certificate) {
  http_server_options options = options_;
  options.certificate = directory_ / "absent.pem";
  const auto absent = http_server::start(options, echo);
  ASSERT_FALSE(absent);
  EXPECT_TRUE(has(absent.error().message, options.certificate)) << absent.error().message;
  options = options_;
  options.key = directory_ / "nonsense.key";
  std::ofstream(options.key) << "nonsense";
  const auto nonsense = http_server::start(options, echo);
  ASSERT_FALSE(nonsense);
  EXPECT_TRUE(has(nonsense.error().message, options.key)) << nonsense.error().message;
  options.key = directory_ / "other.key";
  const auto mismatched = http_server::start(options, echo);
  ASSERT_FALSE(mismatched);
  EXPECT_TRUE(has(mismatched.error().message, options.key)) << mismatched.error().message;
  options.key.clear();
  EXPECT_FALSE(http_server::start(options, echo));
}

TEST_F(http_tls, names_an_authority_that_cannot_be_read) {
  const auto server = started(echo, options_);
  http_client_options options = client(*server);
  options.certificate_authority = directory_ / "absent.pem";
  const auto answer = http_call(options, "GET", "/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, error_code::invalid_argument);
  EXPECT_TRUE(has(answer.error().message, options.certificate_authority)) << answer.error().message;
}

TEST_F(http_tls, does_not_answer_in_the_clear) {
  const auto server = started(echo, options_);
  raw_client plain(server->port());
  plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_FALSE(has(plain.receive_all(), "HTTP/1.1"));
  EXPECT_TRUE(plain.ended());
}

TEST_F(http_tls, cuts_off_who_does_not_shake_hands) {
  options_.limits.idle = 50ms;
  const auto server = started(echo, options_);
  raw_client silent(server->port());
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_TRUE(silent.ended());
}

TEST_F(http_tls, refuses_a_body_that_is_too_long_with_an_answer) {
  options_.limits.body_bytes = 1000;
  const auto server = started(echo, options_);
  const auto answer = http_call(client(*server), "POST", "/", std::string(20'000'000, 'x'));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 413u);
}

TEST_F(http_tls, carries_events_and_their_end) {
  const auto server = started(
      [](const http_request&, const http_answer& answer) {
        http_response response;
        response.content_type = "text/event-stream";
        response.events = [](const std::shared_ptr<event_stream>& stream) {
          for (int i = 0; i < 100; ++i) stream->send("row", std::to_string(i));
          stream->close();
        };
        answer(std::move(response));
      },
      options_);
  int count = 0;
  const auto all = http_events(client(*server), "/", [&](std::string_view, std::string_view data) {
    EXPECT_EQ(data, std::to_string(count++));
    return true;
  });
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(count, 100);
}

}  // namespace
}  // namespace systole
