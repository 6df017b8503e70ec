#include "kafka/topic_partitions.h"

#include <algorithm>
#include <memory>
#include <thread>

#include "base/limits.h"
#include "kafka/connection.h"
#include "kafka/transaction_protocol.h"

namespace systole {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

result<uint32_t> ask(const kafka_client_options& options, const kafka_tls* tls, const kafka_client_options::address& broker,
                     const std::string& topic) {
  const kafka_interrupt never;
  buffer_pool pool;
  SYSTOLE_ASSIGN(const auto connection, kafka_connection::open(options, tls, broker, never));
  SYSTOLE_ASSIGN(const kafka_answer answer, connection->ask(kafka_metadata_api, kafka_metadata_body(topic), pool));
  SYSTOLE_ASSIGN(const kafka_leaders found, read_kafka_leaders(answer.body()));
  if (found.error != kafka_error::none) return kafka_write_failure(found.error, "asking " + options.connection + " for the topic " + topic);
  if (found.partitions.empty()) return fail(error_code::unavailable, "the topic " + topic + " has no partitions yet");
  return static_cast<uint32_t>(found.partitions.size());
}

}  // namespace

milliseconds kafka_patience(error_code answer, milliseconds patience) {
  switch (answer) {
    case error_code::unavailable: return patience;
    case error_code::not_found: return std::min(patience, milliseconds(limits::kafka_call_ms));
    case error_code::invalid_argument: return std::min(patience, milliseconds(limits::kafka_refusal_ms));
    default: return milliseconds(0);
  }
}

result<uint32_t> kafka_topic_partitions(const kafka_client_options& options, const std::string& topic, milliseconds patience) {
  std::shared_ptr<const kafka_tls> tls;
  if (options.encrypted) {
    SYSTOLE_ASSIGN(tls, kafka_tls::make(options));
  }
  const auto begun = steady_clock::now();
  for (size_t turn = 0;; ++turn) {
    const auto& broker = options.bootstrap[turn % options.bootstrap.size()];
    auto found = ask(options, tls.get(), broker, topic);
    if (found) return found;
    if (steady_clock::now() - begun >= kafka_patience(found.error().code, patience)) {
      failure cause = std::move(found).error();
      cause.message = "the connection " + options.connection + ": " + cause.message;
      return cause;
    }
    std::this_thread::sleep_for(milliseconds(limits::kafka_retry_pause_ms));
  }
}

}  // namespace systole
