#include "connectors/kafka/kafka_refusal.h"

#include <librdkafka/rdkafka.h>

#include "base/limits.h"
#include "kafka/refusal_text.h"

namespace systole {
namespace {

/// librdkafka gives these codes to connections that broke while they were being made, too: the broker may have died.
bool broke(const std::string& reason) {
  for (const char* sign : {"Disconnected", "transport failure", "imed out"})
    if (reason.find(sign) != std::string::npos) return true;
  return false;
}

/// The broker has ended the TLS connection with an alert. librdkafka takes that for a broken one where it comes behind the
/// handshake: so it is with TLS 1.3 and this client's certificate.
bool is_alert(const std::string& reason) {
  return reason.find("SSL routines") != std::string::npos && reason.find(" alert ") != std::string::npos;
}

/// librdkafka before 2.6.1 repeats its nonce in SCRAM's last message, which brokers before 4.0 let pass
/// (https://github.com/confluentinc/librdkafka/pull/4895).
bool knows_scram() { return rd_kafka_version() >= 0x02060100; }

/// Without the library's "(after 12ms in state ...)".
std::string shortened(const std::string& reason) { return reason.substr(0, reason.find(" (after ")); }

}  // namespace

void kafka_refusal::on_certificate(const std::string& broker, int x509_error) {
  std::string text = kafka_certificate_refused(broker, x509_error);
  const std::lock_guard lock(mutex_);
  certificate_ = std::move(text);
}

std::string kafka_refusal::on_error(int code, const std::string& reason, time_point now) {
  const bool user = code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
  if (!user && code != RD_KAFKA_RESP_ERR__SSL && !is_alert(reason)) return {};
  if (broke(reason)) return {};
  const std::lock_guard lock(mutex_);
  if (user && reason.find("credentials with SASL mechanism SCRAM") != std::string::npos && !knows_scram())
    text_ = "the brokers do not let its user in; correct `username` and `password` of its security, or the cluster's users; "
            "and brokers from Kafka 4.0 on take no SCRAM from librdkafka before 2.6.1 (here: " +
            std::string(rd_kafka_version_str()) + "): use mechanism PLAIN with saslSsl there, or a certificate (" +
            shortened(reason) + ")";
  else if (user)
    text_ = kafka_user_refused(shortened(reason));
  else if (!certificate_.empty())
    text_ = certificate_;
  else
    text_ = kafka_encryption_refused(shortened(reason));
  if (!since_) since_ = now;
  return text_;
}

void kafka_refusal::on_answer() {
  const std::lock_guard lock(mutex_);
  since_.reset();
  certificate_.clear();
}

std::optional<failure> kafka_refusal::lasting(time_point now) const {
  const std::lock_guard lock(mutex_);
  if (!since_ || now - *since_ < std::chrono::milliseconds(limits::kafka_refusal_ms)) return std::nullopt;
  return fail(error_code::invalid_argument, "the connection " + connection_ + ": " + text_);
}

}  // namespace systole
