#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "http/client.h"
#include "s3/credentials.h"
#include "s3/location.h"

namespace systole {

struct s3_client_options {
  s3_location where;
  s3_credential_source credentials;
  const clock* time = &system_clock();
  std::chrono::milliseconds request_patience{limits::s3_request_ms};
  std::chrono::milliseconds operation_patience{limits::s3_operation_ms};
  int tries = limits::s3_tries;
  std::chrono::milliseconds first_delay{limits::s3_first_delay_ms};
  std::chrono::milliseconds most_delay{limits::s3_most_delay_ms};
  /// Waits between tries.
  std::function<void(std::chrono::milliseconds)> pause;
};

/// Requests to an S3 service, under a location's prefix. What fails for a reason that may pass (no answer, one cut off,
/// 408, 409, 429, 500, 502-504) is tried again, with a random delay that doubles, within the options' limits; then it
/// is `unavailable`. A request that was answered by nothing may have been carried out, so each may be repeated without
/// harm; put_if_absent says `already_exists` then, as it does for another's object. Messages name bucket, key, status
/// and the service's error code, never keys or content. Blocks. Thread-safe: at most limits::s3_connections requests at
/// once.
class s3_client {
 public:
  explicit s3_client(s3_client_options options);

  struct piece {
    std::string bytes;
    uint64_t object_bytes = 0;  ///< of the whole object
  };
  /// Up to `length` bytes from `offset` on; fewer only at the end. `not_found` where there is no object.
  result<piece> get(const std::string& key, uint64_t offset, uint64_t length);
  /// An object's length; nothing where there is none.
  result<std::optional<uint64_t>> head(const std::string& key);
  result<void> put(const std::string& key, std::string_view bytes);
  /// `already_exists` where there is an object, be it from an earlier try of this call: read it to know whose it is.
  result<void> put_if_absent(const std::string& key, std::string_view bytes);
  /// An absent object is success.
  result<void> remove(const std::string& key);
  /// Keys that begin with `start`, without the location's prefix, sorted. `limit_exceeded` past limits::s3_listed_keys.
  result<std::vector<std::string>> list(const std::string& start);

  // Uploads in parts (transfer.h). A part's result is its tag, for finish_upload.
  result<std::string> begin_upload(const std::string& key);
  result<std::string> put_part(const std::string& key, const std::string& upload, uint32_t number,
                               std::string_view bytes);
  /// `not_found` where the service knows no such upload (any more): it may have been finished by an earlier try.
  result<void> finish_upload(const std::string& key, const std::string& upload, const std::vector<std::string>& tags);
  result<void> abort_upload(const std::string& key, const std::string& upload);

  const s3_location& where() const { return with_.where; }
  std::string name_of(const std::string& key) const { return s3_name(with_.where, key); }

 private:
  struct request {
    std::string method;
    std::string key;  ///< without the prefix; empty: the bucket itself
    std::vector<std::pair<std::string, std::string>> query;
    std::vector<std::pair<std::string, std::string>> headers;  ///< lower case
    std::string_view body;
    bool whole_xml = false;  ///< a 200 counts only with an answer that is whole XML and no error
  };
  result<http_response> perform(const request& wanted);
  result<http_response> try_once(const request& wanted, const std::string& payload_sha256,
                                 std::chrono::steady_clock::time_point until);
  http_message message_of(const request& wanted, const std::string& payload_sha256, const s3_credentials& keys) const;
  result<s3_credentials> keys(bool again);
  std::optional<failure> verdict(const request& wanted, const http_response& answer, bool& passing) const;
  failure unreached(const request& wanted, const failure& why) const;
  failure refused(const request& wanted, const http_response& answer) const;
  result<std::unique_ptr<http_client>> borrow(std::chrono::steady_clock::time_point until);
  void give_back(std::unique_ptr<http_client> client);
  std::chrono::milliseconds delay(int failures);
  std::string full_key(const std::string& key) const;

  s3_client_options with_;
  std::string host_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<http_client>> idle_;
  size_t busy_ = 0;
  std::optional<s3_credentials> keys_;
  std::atomic<bool> accepted_ = false;  ///< the service has taken our keys once
  std::mt19937_64 random_;
};

}  // namespace systole
