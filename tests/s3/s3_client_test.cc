// The client against a real service, also behind a proxy that hurts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <random>

#include "s3/transfer.h"
#include "tests/s3/faulty_proxy.h"
#include "tests/s3/s3_service.h"
#include "tests/support/seed.h"

namespace systole::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string pattern_of(uint64_t offset, uint64_t length) {
  std::string made(length, '\0');
  for (uint64_t i = 0; i < length; ++i) made[i] = static_cast<char>(((offset + i) * 2654435761u) >> 13);
  return made;
}

result<void> put_pattern(s3_client& client, const std::string& key, uint64_t bytes) {
  return put_object(client, key, bytes, [](uint64_t offset, std::string& into) -> result<void> {
    into = pattern_of(offset, into.size());
    return {};
  });
}

result<void> check_pattern(s3_client& client, const std::string& key, uint64_t bytes) {
  uint64_t offset = 0;
  return get_object(client, key, bytes, [&](std::string_view piece) -> result<void> {
    if (piece != pattern_of(offset, piece.size())) return fail(error_code::corrupt, "at " + std::to_string(offset));
    offset += piece.size();
    return {};
  });
}

TEST(s3_client_test, objects_come_and_go) {
  s3_client client(s3_service::shared().options("objects"));
  EXPECT_EQ(client.get("a", 0, 10).error().code, error_code::not_found);
  ASSERT_TRUE(client.put("a", "first"));
  ASSERT_TRUE(client.put("a", "second"));
  EXPECT_EQ(client.put_if_absent("a", "third").error().code, error_code::already_exists);
  ASSERT_TRUE(client.put_if_absent("b/c d+ü&x", "other"));
  EXPECT_EQ(client.get("a", 0, 100)->bytes, "second");
  EXPECT_EQ(client.get("a", 3, 2)->bytes, "on");
  EXPECT_EQ(*client.head("a").value(), 6u);
  EXPECT_FALSE(client.head("z").value().has_value());
  EXPECT_THAT(client.list("").value(), ElementsAre("a", "b/c d+ü&x"));
  EXPECT_THAT(client.list("b/").value(), ElementsAre("b/c d+ü&x"));
  ASSERT_TRUE(client.remove("a"));
  ASSERT_TRUE(client.remove("a"));
  EXPECT_FALSE(client.head("a").value().has_value());
}

TEST(s3_client_test, a_listing_has_all_pages) {
  s3_client client(s3_service::shared().options("pages"));
  for (int i = 0; i < 1'010; ++i) ASSERT_TRUE(client.put("p/" + std::to_string(10'000 + i), "x"));
  const auto keys = client.list("p/");
  ASSERT_TRUE(keys) << keys.error().message;
  ASSERT_EQ(keys->size(), 1'010u);
  EXPECT_EQ(keys->back(), "p/11009");
}

TEST(s3_client_test, wrong_keys_are_refused_and_in_no_message) {
  s3_client_options options = s3_service::shared().options("refused");
  options.credentials = [] { return s3_credentials{s3_service::access_key_id, "wrong-secret-key", {}}; };
  s3_client client(options);
  const auto refused = client.put("a", "record of a patient");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::invalid_argument) << "a configuration's error is not tried for ever";
  EXPECT_THAT(refused.error().message, HasSubstr("403 SignatureDoesNotMatch"));
  for (const char* secret : {"wrong-secret-key", s3_service::access_key_id, "patient", "Signature="})
    EXPECT_THAT(refused.error().message, Not(HasSubstr(secret)));
}

TEST(s3_client_test, exchanged_keys_are_read_anew) {
  s3_client_options options = s3_service::shared().options("rotated");
  int reads = 0;
  options.credentials = [&reads] {
    return s3_credentials{s3_service::access_key_id, ++reads == 1 ? "old" : s3_service::secret_access_key, {}};
  };
  s3_client client(options);
  EXPECT_TRUE(client.put("a", "x"));
  EXPECT_EQ(reads, 2);
}

TEST(s3_client_test, a_service_that_is_not_there_is_unavailable) {
  s3_client_options options = s3_service::shared().options("nobody", 1);
  int pauses = 0;
  options.pause = [&pauses](std::chrono::milliseconds) { ++pauses; };
  const auto got = s3_client(options).get("a", 0, 1);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, error_code::unavailable);
  EXPECT_EQ(pauses, limits::s3_tries - 1);
}

TEST(s3_client_test, a_large_object_goes_in_parts_and_is_never_whole_in_memory) {
  s3_client client(s3_service::shared().options("large"));
  constexpr uint64_t bytes = (uint64_t{100} << 20) + 12'345;
  ASSERT_TRUE(put_pattern(client, "warm", 9 << 20));
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  const auto put = put_pattern(client, "big", bytes);
  ASSERT_TRUE(put) << put.error().message;
  const auto right = check_pattern(client, "big", bytes);
  EXPECT_TRUE(right) << right.error().message;
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 48 << 10) << "KiB";
  EXPECT_EQ(*client.head("big").value(), bytes);
  ASSERT_TRUE(client.remove("big"));
}

TEST(s3_client_test, an_upload_that_fails_leaves_nothing) {
  faulty_proxy proxy(s3_service::shared().port(), 1);
  s3_client client(s3_service::shared().options("aborted", proxy.port()));
  proxy.refuse("PUT", "partNumber=2");
  const auto put = put_pattern(client, "big", 20 << 20);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, error_code::unavailable);
  EXPECT_EQ(proxy.seen()["DELETE uploadId"], 1);
  EXPECT_EQ(proxy.seen()["PUT partNumber uploadId"], 1 + limits::s3_tries) << "as often as is allowed, no more";
  EXPECT_FALSE(client.head("big").value().has_value());
}

TEST(s3_client_test, what_a_proxy_does_changes_no_content) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  faulty_proxy proxy(s3_service::shared().port(), seed);
  s3_client_options options = s3_service::shared().options("hurt-" + std::to_string(seed), proxy.port());
  options.request_patience = std::chrono::milliseconds(500);
  options.tries = 40;
  s3_client client(options);
  proxy.hurt(250);
  constexpr uint64_t bytes = (17 << 20) + 1;
  const auto put = put_pattern(client, "big", bytes);
  ASSERT_TRUE(put) << put.error().message;
  for (int round = 0; round < 3; ++round) {
    const auto right = check_pattern(client, "big", bytes);
    EXPECT_TRUE(right) << right.error().message;
  }
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.put("k" + std::to_string(i), std::to_string(i)));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.get("k" + std::to_string(i), 0, 10)->bytes, std::to_string(i));
  EXPECT_EQ(client.list("k").value().size(), 100u);
  for (size_t i = 1; i < proxy.injected().size(); ++i)
    EXPECT_TRUE(i == static_cast<size_t>(fault::conflict) || proxy.injected()[i] > 0) << "fault " << i << " never came";
}

}  // namespace
}  // namespace systole::testing
