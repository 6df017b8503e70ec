#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"

namespace systole {

/// Knows why brokers keep a client out: what they say of its user, what is wrong with their certificates. librdkafka
/// tells that as events and goes on trying, so that a question is answered with "timed out" only. Thread-safe.
class kafka_refusal {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit kafka_refusal(std::string connection) : connection_(std::move(connection)) {}

  /// What OpenSSL says of a broker's certificate (X509_V_ERR_*); `broker`: host:port.
  void on_certificate(const std::string& broker, int x509_error);
  /// An error event: rd_kafka_resp_err_t and its text. Gives what it means where it is a refusal, else nothing: a connection
  /// that broke is none.
  std::string on_error(int code, const std::string& reason, time_point now);
  /// A broker has answered.
  void on_answer();
  /// What to give up with: `invalid_argument`, once no broker has answered for limits::kafka_refusal_ms since the first
  /// refusal. Names the connection and what to do.
  std::optional<failure> lasting(time_point now) const;

 private:
  const std::string connection_;
  mutable std::mutex mutex_;
  std::string certificate_;             ///< what is wrong with one, and what to do
  std::optional<time_point> since_;
  std::string text_;
};

}  // namespace systole
