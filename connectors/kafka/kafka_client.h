#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "connectors/connection_settings.h"
#include "connectors/kafka/kafka_refusal.h"
#include "proto/plan.pb.h"

// librdkafka's own names, so that its header is included by connectors/kafka_*.cc only.
struct rd_kafka_s;
struct rd_kafka_topic_s;
struct rd_kafka_message_s;

namespace systole {

/// The client's settings of a connection: secrets read, and refused what is not on proto/client_properties.h's list, for
/// a plan may come from another node.
result<connection_settings> kafka_connection_settings(const proto::Connection& connection,
                                                      const std::string& secret_directory, file_system& files);

/// What a librdkafka error code (rd_kafka_resp_err_t) means to callers, after `what` was tried: `unavailable` where the
/// same may succeed later, `not_found` for a topic or partition, `fenced`, `limit_exceeded` (a record too large),
/// `invalid_argument` (authentication, authorization), else `io`.
failure kafka_failure(int code, const std::string& what);

enum class kafka_role { consumer, producer };

/// One librdkafka handle with its threads. Every time-out is finite; what the library logs goes to base/log.h (it holds
/// no payloads), repeated connection errors as debug lines, and once as a warning when no broker can be reached, with the
/// last reason, and when one answers again. Certificates are checked by OpenSSL, with the host's name. Thread-safe, as
/// librdkafka is.
class kafka_client {
 public:
  /// `own`: what the connector demands; it wins over the connection's. `prepare` (may be empty) sets callbacks: it gets
  /// the rd_kafka_conf_t* and is called once. `opaque` comes back in those callbacks.
  static result<std::unique_ptr<kafka_client>> make(kafka_role role, const std::string& connection,
                                                    const connection_settings& from_connection,
                                                    const std::map<std::string, std::string>& own,
                                                    void (*prepare)(void* configuration) = nullptr,
                                                    void* opaque = nullptr);
  /// Waits for the library's threads; a consumer stops its partitions first.
  ~kafka_client();
  kafka_client(const kafka_client&) = delete;
  kafka_client& operator=(const kafka_client&) = delete;

  rd_kafka_s* handle() const { return handle_; }
  const std::string& connection() const { return connection_; }
  void* opaque() const { return opaque_; }

  /// Serves the handle's events (errors, statistics, delivery reports): now and then from one thread. Does not wait.
  void serve() const;

  /// The failure of a question that the library ended with `code`: where brokers keep the client out for a while, that.
  failure unanswered(int code, const std::string& what);

  /// Called by the library's threads and serve().
  void tell_error(int code, const char* reason);
  void tell_certificate(const char* broker, int x509_error) { refusal_.on_certificate(broker, x509_error); }
  void tell_answered();
  void set_quiet() { quiet_ = true; }

 private:
  explicit kafka_client(std::string connection, void* opaque)
      : connection_(std::move(connection)), opaque_(opaque), refusal_(connection_) {}

  std::string connection_;
  void* opaque_;
  rd_kafka_s* handle_ = nullptr;
  kafka_refusal refusal_;
  std::mutex reason_mutex_;
  std::string reason_;  ///< the last of a connection that was not to be had
  std::atomic<bool> unreachable_{false};
  std::atomic<bool> quiet_{false};
};

}  // namespace systole
