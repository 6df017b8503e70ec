#include "connectors/kafka/kafka_client.h"

#include <librdkafka/rdkafka.h>
#include <syslog.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "base/log.h"
#include "proto/client_properties.h"

namespace systole {
namespace {

/// What the plan itself sets; everything else must be on the list of allowed client properties.
constexpr std::string_view plan_properties[] = {
    "bootstrap.servers", "sasl.mechanism",     "sasl.password",       "sasl.username", "security.protocol",
    "ssl.ca.location",   "ssl.ca.pem",         "ssl.certificate.pem", "ssl.key.pem",   "ssl.key.password",
};

/// Before the connection's own. A broker that does not answer is given up in 10 s and tried again twice a second.
const std::map<std::string, std::string>& defaults() {
  static const std::map<std::string, std::string> made{
      {"allow.auto.create.topics", "false"},
      {"client.id", "systole"},
      {"log.connection.close", "false"},
      {"reconnect.backoff.ms", "50"},
      {"reconnect.backoff.max.ms", "500"},
      {"retry.backoff.ms", "20"},
      {"socket.connection.setup.timeout.ms", "10000"},
      {"socket.keepalive.enable", "true"},
      {"socket.timeout.ms", "10000"},
  };
  return made;
}

/// Facilities of librdkafka's log that repeat what the error and certificate callbacks say once, or that a property is not for
/// this role.
bool is_chatter(std::string_view facility) {
  return facility == "GETPID" || facility == "FATAL" || facility == "FAIL" || facility == "ERROR" || facility == "BROKERFAIL" ||
         facility == "REQTMOUT" || facility == "DISCONNECT" || facility == "CONFWARN" || facility == "SSLCERTVRFY";
}

void on_log(const rd_kafka_t*, int level, const char* facility, const char* text) {
  const log_level as = is_chatter(facility)     ? log_level::debug
                       : level <= LOG_WARNING ? log_level::warning
                                              : log_level::debug;
  log_line(as, "kafka", std::string(facility) + ": " + text);
}

/// What to look at where the library cannot use a file or a secret; its own texts name the property and hold no value.
std::string to_correct(std::string_view text, const std::map<std::string, std::string>& settings) {
  const auto names = [text](std::string_view property) { return text.find(property) != std::string_view::npos; };
  if (names("ssl.ca.location")) return "; is `caFile` a readable PEM file: " + settings.at("ssl.ca.location") + "?";
  if (names("ssl.ca.pem")) return "; is the secret `ca` a certificate in PEM?";
  if (names("ssl.certificate.pem")) return "; is the secret `certificate` one in PEM?";
  if (names("ssl.key.pem")) return "; is the secret `key` a private key in PEM, with `keyPassword` where it has one?";
  return {};
}

void on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
  static_cast<kafka_client*>(opaque)->tell_error(code, reason);
}

/// OpenSSL has looked at one certificate of a chain, and its verdict stays: this is to know why it is refused, which the
/// library's own error does not tell.
int on_certificate(rd_kafka_t*, const char* broker, int32_t, int* x509_error, int, const char*, size_t, char* text, size_t size,
                   void* opaque) {
  if (*x509_error == 0) return 1;
  static_cast<kafka_client*>(opaque)->tell_certificate(broker, *x509_error);
  std::snprintf(text, size, "refused");
  return 0;
}

}  // namespace

result<connection_settings> kafka_connection_settings(const proto::Connection& connection,
                                                      const std::string& secret_directory, file_system& files) {
  const auto check = [&connection](const std::string& name) -> result<void> {
    if (std::find(std::begin(plan_properties), std::end(plan_properties), name) != std::end(plan_properties)) return {};
    if (is_allowed_kafka_client_property(name)) return {};
    return fail(error_code::invalid_argument,
                "the connection " + connection.name() + " may not set the client property " + name);
  };
  for (const auto& [name, value] : connection.settings()) SYSTOLE_TRY(check(name));
  for (const auto& [name, secret] : connection.secrets()) SYSTOLE_TRY(check(name));
  return resolve_connection(connection, secret_directory, files);
}

failure kafka_failure(int code, const std::string& what) {
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  const std::string text = what + ": " + rd_kafka_err2str(error) + " (" + rd_kafka_err2name(error) + ")";
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:  // a leader that is new
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR: return fail(error_code::unavailable, text + "; tried again");
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return fail(error_code::not_found, text);
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH: return fail(error_code::fenced, text);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return fail(error_code::limit_exceeded, text + "; see the topic's max.message.bytes and message.max.bytes");
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__SSL:
      return fail(error_code::invalid_argument, text + "; see the connection's security and the cluster's ACLs");
    default: return fail(error_code::io, text);
  }
}

result<std::unique_ptr<kafka_client>> kafka_client::make(kafka_role role, const std::string& connection,
                                                         const connection_settings& from_connection,
                                                         const std::map<std::string, std::string>& own,
                                                         void (*prepare)(void*), void* opaque) {
  std::unique_ptr<kafka_client> made(new kafka_client(connection, opaque));
  std::map<std::string, std::string> all = defaults();
  for (const auto& [name, value] : from_connection) all[name] = value;
  for (const auto& [name, value] : own) all[name] = value;
  rd_kafka_conf_t* const configuration = rd_kafka_conf_new();
  char text[512];
  for (const auto& [name, value] : all) {
    // A producer's property means nothing to a consumer, and the other way round: librdkafka ignores it.
    if (rd_kafka_conf_set(configuration, name.c_str(), value.c_str(), text, sizeof(text)) == RD_KAFKA_CONF_OK) continue;
    rd_kafka_conf_destroy(configuration);
    // The library's text may quote the value, which may be a secret.
    return fail(error_code::invalid_argument, "the connection " + connection + ": the client library does not take the value of " +
                                                  name);
  }
  rd_kafka_conf_set_log_cb(configuration, on_log);
  rd_kafka_conf_set_error_cb(configuration, on_error);
  rd_kafka_conf_set_ssl_cert_verify_cb(configuration, on_certificate);
  rd_kafka_conf_set_opaque(configuration, made.get());
  if (prepare) prepare(configuration);
  made->handle_ = rd_kafka_new(role == kafka_role::consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, configuration, text,
                               sizeof(text));
  if (!made->handle_) {
    // Its threads did not start in time: a machine that is overloaded, or whose clock was set meanwhile.
    const bool passes = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
    rd_kafka_conf_destroy(configuration);
    return fail(passes ? error_code::unavailable : error_code::invalid_argument, "the connection " + connection + ": " + text + to_correct(text, all));
  }
  return made;
}

kafka_client::~kafka_client() {
  if (!handle_) return;
  quiet_ = true;
  // No group is left: partitions are assigned, not subscribed to.
  rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void kafka_client::serve() const { rd_kafka_poll(handle_, 0); }

failure kafka_client::unanswered(int code, const std::string& what) {
  serve();  // the reasons come as events
  if (auto refused = refusal_.lasting(std::chrono::steady_clock::now())) return std::move(*refused);
  return kafka_failure(code, what);
}

void kafka_client::tell_error(int code, const char* reason) {
  if (quiet_) return;
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    if (unreachable_.exchange(true)) return;
    const std::lock_guard lock(reason_mutex_);
    log_line(log_level::warning, "kafka",
             connection_ + ": no broker can be reached; trying again until one answers" +
                 (reason_.empty() ? "" : " (" + reason_ + ")"));
    return;
  }
  const std::string refused = refusal_.on_error(code, reason, std::chrono::steady_clock::now());
  if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__RESOLVE || code == RD_KAFKA_RESP_ERR__TIMED_OUT) {
    const std::lock_guard lock(reason_mutex_);
    reason_ = reason;
  }
  const bool passing = code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__RESOLVE ||
                       code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__FATAL;
  log_line(passing ? log_level::debug : log_level::warning, "kafka", connection_ + ": " + (refused.empty() ? reason : refused));
}

void kafka_client::tell_answered() {
  refusal_.on_answer();
  if (unreachable_.load(std::memory_order_relaxed) && unreachable_.exchange(false))
    log_line(log_level::warning, "kafka", connection_ + ": a broker answers again");
}

}  // namespace systole
