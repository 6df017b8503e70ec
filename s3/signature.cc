#include "s3/signature.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <ctime>

#include "base/hexadecimal.h"
#include "http/target.h"

namespace systole {
namespace {

std::string hex(std::string_view bytes) {
  std::string made;
  append_hex(made, bytes);
  return made;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  unsigned char made[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), made, &length);
  return {reinterpret_cast<const char*>(made), length};
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  unsigned char made[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_Digest(bytes.data(), bytes.size(), made, &length, EVP_sha256(), nullptr);
  return hex({reinterpret_cast<const char*>(made), length});
}

std::string s3_time(timestamp_us at) {
  const std::time_t seconds = at / 1'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

std::string s3_encoded_path(std::string_view path) {
  std::string made;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    made += percent_encoded(path.substr(0, slash));
    if (slash == path.npos) break;
    made.push_back('/');
    path.remove_prefix(slash + 1);
  }
  return made;
}

std::string s3_encoded_query(std::vector<std::pair<std::string, std::string>> query) {
  for (auto& [name, value] : query) {
    name = percent_encoded(name);
    value = percent_encoded(value);
  }
  std::sort(query.begin(), query.end());
  std::string made;
  for (const auto& [name, value] : query) made += (made.empty() ? "" : "&") + name + "=" + value;
  return made;
}

std::string s3_authorization(const s3_signed_request& request, const s3_credentials& keys, const std::string& region,
                             const std::string& time) {
  auto headers = request.headers;
  std::sort(headers.begin(), headers.end());
  std::string lines, names;
  for (const auto& [name, value] : headers) {
    lines += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical = request.method + "\n" + s3_encoded_path(request.path) + "\n" +
                                s3_encoded_query(request.query) + "\n" + lines + "\n" + names + "\n" +
                                request.payload_sha256;
  const std::string day = time.substr(0, 8);
  const std::string scope = day + "/" + region + "/s3/aws4_request";
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + sha256_hex(canonical);
  const std::string by_day = hmac_sha256("AWS4" + keys.secret_access_key, day);
  const std::string key = hmac_sha256(hmac_sha256(hmac_sha256(by_day, region), "s3"), "aws4_request");
  return "AWS4-HMAC-SHA256 Credential=" + keys.access_key_id + "/" + scope + ",SignedHeaders=" + names +
         ",Signature=" + hex(hmac_sha256(key, to_sign));
}

}  // namespace systole
