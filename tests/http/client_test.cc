#include "http/client.h"

#include <gtest/gtest.h>

#include <future>

#include "http/target.h"
#include "server_fixture.h"

namespace systole {
namespace {

using namespace std::chrono_literals;
using namespace systole::testing;

TEST(http_client, says_that_nobody_listens) {
  auto server = started(echo);
  const http_client_options options = client_of(*server);
  server.reset();
  const auto answer = http_call(options, "GET", "/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, error_code::unavailable);
  EXPECT_EQ(answer.error().message, options.url + ": Connection refused");
}

TEST(http_client, waits_no_longer_than_its_patience) {
  std::promise<http_answer> taken;
  const auto server = started([&](const http_request&, http_answer answer) { taken.set_value(std::move(answer)); });
  http_client_options options = client_of(*server);
  options.patience = 50ms;
  const auto answer = http_call(options, "GET", "/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, error_code::unavailable);
  EXPECT_EQ(answer.error().message, options.url + ": no answer in time");
}

TEST(http_client, says_that_the_server_closed_without_an_answer) {
  std::promise<http_answer> taken;
  auto server = started([&](const http_request&, http_answer answer) { taken.set_value(std::move(answer)); });
  auto answer =
      std::async(std::launch::async, [options = client_of(*server)] { return http_call(options, "GET", "/"); });
  const http_answer kept = taken.get_future().get();
  server.reset();
  const auto got = answer.get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, error_code::unavailable);
}

TEST(http_client, refuses_what_is_no_url) {
  for (const char* wrong : {"", "localhost:80", "ftp://x", "http://", "http://x:99999", "http://x:", "http://x:8a",
                            "http://x/path", "http://[::1", "http://[::1]x", "http://user@x"}) {
    const auto parsed = parse_url(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, error_code::invalid_argument);
  }
}

TEST(http_client, reads_urls) {
  const auto plain = parse_url("http://coordinator:8480");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "coordinator");
  EXPECT_EQ(plain->port, 8480);
  EXPECT_FALSE(plain->secure);
  const auto secure = parse_url("https://[fd00::1]/");
  ASSERT_TRUE(secure);
  EXPECT_EQ(secure->host, "fd00::1");
  EXPECT_EQ(secure->port, 443);
  EXPECT_TRUE(secure->secure);
}

TEST(http_client, encodes_what_a_target_decodes) {
  const std::string text = "a job/with ? & = % + \xc3\xa9";
  const auto target = parse_target("/jobs/" + percent_encoded(text) + "?name=" + percent_encoded(text));
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/jobs/" + text);
  EXPECT_EQ(target->query.at("name"), text);
}

}  // namespace
}  // namespace systole
