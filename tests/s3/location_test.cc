#include "s3/location.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/support/temporary_directory.h"

namespace systole {
namespace {

using ::testing::HasSubstr;

environment variables(std::map<std::string, std::string> set) {
  return [set = std::move(set)](const char* name) {
    const auto found = set.find(name);
    return found == set.end() ? nullptr : found->second.c_str();
  };
}

s3_location parsed(const std::string& url, std::map<std::string, std::string> set = {}) {
  auto made = parse_s3_location(url, variables(std::move(set)));
  EXPECT_TRUE(made) << made.error().message;
  return made ? *made : s3_location();
}

TEST(s3_location_test, amazon_s_own_service) {
  const s3_location where = parsed("s3://hospital-state/jobs/a?region=eu-central-1");
  EXPECT_EQ(where.bucket, "hospital-state");
  EXPECT_EQ(where.prefix, "jobs/a");
  EXPECT_EQ(where.endpoint, "https://hospital-state.s3.eu-central-1.amazonaws.com");
  EXPECT_FALSE(where.path_style);
  EXPECT_TRUE(parsed("s3://with.dots").path_style) << "no certificate fits two labels";
}

TEST(s3_location_test, a_service_of_one_s_own) {
  const s3_location where = parsed("s3://bucket/?endpoint=http://127.0.0.1:9000&secret=store&caFile=/etc/ca.pem");
  EXPECT_EQ(where.prefix, "");
  EXPECT_EQ(where.endpoint, "http://127.0.0.1:9000");
  EXPECT_TRUE(where.path_style);
  EXPECT_EQ(where.region, "us-east-1");
  EXPECT_EQ(where.secret, "store");
  EXPECT_EQ(where.certificate_authority, "/etc/ca.pem");
  EXPECT_EQ(parsed("s3://bucket?endpoint=https://store:9000&pathStyle=false").endpoint, "https://bucket.store:9000");
}

TEST(s3_location_test, the_environment_says_what_the_url_does_not) {
  const s3_location where = parsed(
      "s3://bucket/a/", {{"AWS_ENDPOINT_URL", "http://store:1"}, {"AWS_REGION", "eu-west-1"}, {"AWS_CA_BUNDLE", "ca"}});
  EXPECT_EQ(where.endpoint, "http://store:1");
  EXPECT_EQ(where.region, "eu-west-1");
  EXPECT_EQ(where.certificate_authority, "ca");
  EXPECT_EQ(s3_name(where, "files/x"), "s3://bucket/a/files/x");
}

TEST(s3_location_test, what_is_no_location_is_refused) {
  for (const char* url :
       {"s3://", "s3://A", "s3://ab", "s3:///a", "s3://bucket//a", "s3://bucket?endpoint=store",
        "s3://bucket?colour=red", "s3://bucket?pathStyle=yes", "s3://bucket?region=a/b", "s3://bucket/%zz"})
    EXPECT_FALSE(parse_s3_location(url, variables({}))) << url;
}

TEST(s3_credentials_test, keys_come_from_files_and_are_read_anew) {
  testing::temporary_directory folder;
  std::filesystem::create_directories(folder / "store");
  const auto write = [&](const char* name, const char* value) {
    std::ofstream(folder / "store" + "/" + name) << value;
  };
  write("accessKeyId", "one\n");
  write("secretAccessKey", "two");
  const auto source = s3_credentials_from(posix_file_system(), folder.path(), "store", variables({}));
  auto keys = source();
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ(keys->access_key_id, "one");
  EXPECT_EQ(keys->secret_access_key, "two");
  EXPECT_EQ(keys->session_token, "");
  write("accessKeyId", "three");
  write("sessionToken", "four");
  keys = source();
  EXPECT_EQ(keys->access_key_id, "three");
  EXPECT_EQ(keys->session_token, "four");
  write("secretAccessKey", "two\nX-Injected: 1");
  keys = source();
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error().message, ::testing::Not(HasSubstr("two"))) << "a secret's text is in no message";
}

TEST(s3_credentials_test, or_from_the_environment) {
  const auto keys = s3_credentials_from(posix_file_system(), "", "",
                                        variables({{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_SECRET_ACCESS_KEY", "b"}}))();
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->secret_access_key, "b");
  const auto none = s3_credentials_from(posix_file_system(), "", "", variables({{"AWS_ACCESS_KEY_ID", "a"}}))();
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("AWS_SECRET_ACCESS_KEY"));
  EXPECT_FALSE(s3_credentials_from(posix_file_system(), "", "store", variables({}))());
  EXPECT_FALSE(s3_credentials_from(posix_file_system(), "/tmp", "../etc", variables({}))());
}

}  // namespace
}  // namespace systole
