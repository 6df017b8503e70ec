#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "s3/credentials.h"

namespace systole {

/// What of a request is signed: AWS Signature Version 4 in the Authorization header, the payload's hash included
/// ("Authenticating Requests: Using the Authorization Header", Amazon S3 API Reference).
struct s3_signed_request {
  std::string method;
  std::string path;                                          ///< not encoded; begins with /
  std::vector<std::pair<std::string, std::string>> query;    ///< not encoded; in any order
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case; host and x-amz-* among them
  std::string payload_sha256;                                ///< hexadecimal
};

std::string sha256_hex(std::string_view bytes);
/// 20130524T000000Z
std::string s3_time(timestamp_us at);
/// The path with its segments encoded, and the query, encoded and sorted: what goes over the wire, so that what is
/// signed is what is sent.
std::string s3_encoded_path(std::string_view path);
std::string s3_encoded_query(std::vector<std::pair<std::string, std::string>> query);
/// The Authorization header. `time` is s3_time's, as in x-amz-date.
std::string s3_authorization(const s3_signed_request& request, const s3_credentials& keys, const std::string& region,
                             const std::string& time);

}  // namespace systole
