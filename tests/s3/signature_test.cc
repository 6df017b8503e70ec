// The examples of "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)", Amazon S3 API
// Reference: requests, keys and signatures as published there.
#include "s3/signature.h"

#include <gtest/gtest.h>

namespace systole {
namespace {

constexpr const char* empty_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const s3_credentials example_keys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
constexpr const char* example_time = "20130524T000000Z";

s3_signed_request example(const char* method, const char* path) {
  s3_signed_request made{method, path, {}, {}, empty_sha256};
  made.headers = {
      {"x-amz-date", example_time}, {"host", "examplebucket.s3.amazonaws.com"}, {"x-amz-content-sha256", empty_sha256}};
  return made;
}

std::string authorization(const s3_signed_request& request) {
  return s3_authorization(request, example_keys, "us-east-1", example_time);
}

TEST(s3_signature, get_with_a_range) {
  s3_signed_request request = example("GET", "/test.txt");
  request.headers.emplace_back("range", "bytes=0-9");
  EXPECT_EQ(authorization(request),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(s3_signature, put_of_an_object) {
  s3_signed_request request = example("PUT", "/test$file.text");
  request.payload_sha256 = sha256_hex("Welcome to Amazon S3.");
  EXPECT_EQ(request.payload_sha256, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
  request.headers[2].second = request.payload_sha256;
  request.headers.emplace_back("date", "Fri, 24 May 2013 00:00:00 GMT");
  request.headers.emplace_back("x-amz-storage-class", "REDUCED_REDUNDANCY");
  EXPECT_EQ(authorization(request),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
            "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(s3_signature, a_parameter_without_a_value) {
  s3_signed_request request = example("GET", "/");
  request.query = {{"lifecycle", ""}};
  EXPECT_TRUE(authorization(request).ends_with("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"))
      << authorization(request);
}

TEST(s3_signature, a_listing) {
  s3_signed_request request = example("GET", "/");
  request.query = {{"prefix", "J"}, {"max-keys", "2"}};
  EXPECT_TRUE(authorization(request).ends_with("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"))
      << authorization(request);
}

TEST(s3_signature, what_is_sent_is_what_is_signed) {
  EXPECT_EQ(s3_encoded_path("/a b/ü+c"), "/a%20b/%C3%BC%2Bc");
  EXPECT_EQ(s3_encoded_query({{"uploadId", "x=/+"}, {"partNumber", "1"}}), "partNumber=1&uploadId=x%3D%2F%2B");
  EXPECT_EQ(s3_time(1'369'353'600'000'000), example_time);
}

}  // namespace
}  // namespace systole
