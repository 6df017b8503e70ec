#include "s3/location.h"

#include <algorithm>
#include <optional>

#include "base/limits.h"
#include "http/target.h"

namespace systole {
namespace {

/// Amazon's rules for names of buckets, but for those about what looks like an address.
bool is_bucket_name(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!plain(name.front()) || !plain(name.back()) || name.find("..") != name.npos) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) { return plain(c) || c == '-' || c == '.'; });
}

bool is_region(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string first_of(const environment& variables, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* value = variables(name); value && *value) return value;
  return {};
}

failure refuse(std::string_view url, const std::string& why) {
  return fail(error_code::invalid_argument,
              why +
                  " (write s3://BUCKET/PREFIX?endpoint=URL&region=NAME&pathStyle=true&secret=NAME&caFile=PATH, all but "
                  "the bucket optional): " +
                  std::string(url));
}

result<void> read_settings(std::string_view url, const std::map<std::string, std::string>& given, s3_location& into,
                           std::optional<bool>& path_style) {
  for (const auto& [name, value] : given) {
    if (name == "endpoint") into.endpoint = value;
    else if (name == "region") into.region = value;
    else if (name == "secret") into.secret = value;
    else if (name == "caFile") into.certificate_authority = value;
    else if (name == "pathStyle" && (value == "true" || value == "false")) path_style = value == "true";
    else return refuse(url, "not a setting of an S3 location: " + name);
  }
  return {};
}

}  // namespace

result<s3_location> parse_s3_location(std::string_view url, const environment& variables) {
  if (!is_s3_url(url) || url.size() > limits::s3_url_bytes) return refuse(url.substr(0, 100), "not an S3 location");
  const std::string_view rest = url.substr(5);
  const size_t slash = rest.find_first_of("/?");
  s3_location made;
  made.bucket = rest.substr(0, slash);
  if (!is_bucket_name(made.bucket)) return refuse(url, "not the name of a bucket: " + made.bucket);
  std::string target(slash == rest.npos ? "" : rest.substr(slash));
  if (!target.starts_with('/')) target.insert(0, "/");
  const auto parsed = parse_target(target);
  if (!parsed) return refuse(url, "an escape in the S3 location is broken");
  made.prefix = parsed->path;
  made.prefix.erase(0, 1);
  while (made.prefix.ends_with('/')) made.prefix.pop_back();
  if (("/" + made.prefix + "/").find("//") != std::string::npos && !made.prefix.empty())
    return refuse(url, "a prefix has no empty parts");

  std::optional<bool> path_style;
  SYSTOLE_TRY(read_settings(url, parsed->query, made, path_style));
  if (made.endpoint.empty()) made.endpoint = first_of(variables, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (made.region.empty()) made.region = first_of(variables, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (made.region.empty()) made.region = "us-east-1";
  if (made.certificate_authority.empty()) made.certificate_authority = first_of(variables, {"AWS_CA_BUNDLE"});
  if (!is_region(made.region)) return refuse(url, "not the name of a region: " + made.region);
  const bool amazon = made.endpoint.empty();
  if (amazon) made.endpoint = "https://s3." + made.region + ".amazonaws.com";
  // A certificate of Amazon's fits one label before its name only.
  made.path_style = path_style.value_or(!amazon || made.bucket.find('.') != std::string::npos);
  SYSTOLE_ASSIGN(const http_url endpoint, parse_url(made.endpoint));
  if (!made.path_style)
    made.endpoint = std::string(endpoint.secure ? "https://" : "http://") + made.bucket + "." + authority_of(endpoint);
  return made;
}

std::string s3_url_below(std::string_view url, std::string_view folder) {
  const size_t settings = std::min(url.find('?'), url.size());
  std::string made(url.substr(0, settings));
  while (made.ends_with('/')) made.pop_back();
  return made.append("/").append(folder).append(url.substr(settings));
}

std::string s3_name(const s3_location& where, std::string_view key) {
  std::string made = "s3://" + where.bucket;
  if (!where.prefix.empty()) made += "/" + where.prefix;
  if (!key.empty()) made += "/" + std::string(key);
  return made;
}

}  // namespace systole
