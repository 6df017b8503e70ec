#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "s3/client.h"

namespace systole::testing {

/// With what a service speaks TLS; for the host name localhost.
struct s3_service_tls {
  static constexpr const char* keystore_password = "keystore";
  std::string keystore;               ///< PKCS#12 file with key and certificate; empty: no TLS
  std::string certificate_authority;  ///< PEM file of the certificate's
};

/// A real S3 service: S3Proxy on a free loopback port, in a JVM of its own, with its objects in memory. It checks
/// signatures and honours If-None-Match. Start takes 2 s; share one per test binary and give each test its own prefix.
/// Failures throw std::runtime_error. Call from one thread.
class s3_service {
 public:
  static constexpr const char* bucket = "checkpoints";
  static constexpr const char* access_key_id = "TESTACCESSKEY";
  static constexpr const char* secret_access_key = "test/secret+key";

  explicit s3_service(s3_service_tls tls = {});
  ~s3_service();
  s3_service(const s3_service&) = delete;
  s3_service& operator=(const s3_service&) = delete;

  /// The test binary's, started with the first call, with the bucket made.
  static s3_service& shared();

  uint16_t port() const { return port_; }
  /// A client's options for a prefix, through a port of another's (0: the service's own), with short waits.
  s3_client_options options(const std::string& prefix, uint16_t port = 0) const;

 private:
  std::string endpoint(uint16_t port) const;

  s3_service_tls tls_;
  uint16_t port_ = 0;
  pid_t pid_ = 0;
  std::string directory_;
};

}  // namespace systole::testing
