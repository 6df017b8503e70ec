#pragma once

#include <string>

namespace systole {

/// Why brokers keep a client out, and what to do about it; each to be read after "the connection X: ". `detail` is theirs or
/// OpenSSL's own text, and holds no secret.
std::string kafka_user_refused(const std::string& detail);
/// `x509_error`: OpenSSL's verdict on the certificate of `broker` (host:port).
std::string kafka_certificate_refused(const std::string& broker, int x509_error);
std::string kafka_encryption_refused(const std::string& detail);

}  // namespace systole
