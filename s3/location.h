#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "s3/credentials.h"

namespace systole {

/// Where objects are: a prefix in a bucket of a service.
struct s3_location {
  std::string bucket;
  std::string prefix;    ///< without slashes at its ends; empty: the bucket itself
  std::string endpoint;  ///< http://HOST[:PORT] or https://...: where requests go
  std::string region;
  bool path_style = false;            ///< the bucket is the path's first segment, not the host's first label
  std::string secret;                 ///< the secret's name; empty: keys come from the environment
  std::string certificate_authority;  ///< PEM file of the service's; empty: the system's
};

/// s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME&pathStyle=true|false&secret=NAME&caFile=PATH]. What is not said comes
/// from AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION or AWS_DEFAULT_REGION, AWS_CA_BUNDLE, else is Amazon's in
/// us-east-1. With an endpoint of its own the bucket is in the path unless pathStyle is false.
result<s3_location> parse_s3_location(std::string_view url, const environment& variables);

/// True for a URL that parse_s3_location is meant for.
inline bool is_s3_url(std::string_view text) { return text.starts_with("s3://"); }

/// The URL of a folder below another's prefix.
std::string s3_url_below(std::string_view url, std::string_view folder);

/// As a message shows it: s3://BUCKET/PREFIX/KEY.
std::string s3_name(const s3_location& where, std::string_view key = {});

}  // namespace systole
