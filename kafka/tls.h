#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "kafka/client_options.h"

struct ssl_ctx_st;
struct ssl_st;

namespace systole {

/// What encrypted connections of one client have in common: whom to trust, and who it is itself. TLS 1.2 and later.
/// Thread-safe once made.
class kafka_tls {
 public:
  /// Failures name the property that cannot be used.
  static result<std::shared_ptr<const kafka_tls>> make(const kafka_client_options& options);
  ~kafka_tls();
  kafka_tls(const kafka_tls&) = delete;
  kafka_tls& operator=(const kafka_tls&) = delete;

  using session = std::unique_ptr<ssl_st, void (*)(ssl_st*)>;
  /// One connection's, which accepts certificates of `host` only: a name or an address.
  result<session> open(const std::string& host) const;

 private:
  explicit kafka_tls(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

}  // namespace systole
