#include "connectors/kafka/kafka_producer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <charconv>
#include <thread>

#include "base/bytes.h"
#include "base/limits.h"
#include "connectors/kafka/kafka_questions.h"
#include "connectors/kafka/kafka_partition.h"

namespace systole {
namespace {

using outcome = kafka_producer::outcome;

/// Carried with a record to its partitioner: the place + 1, 0 for any.
void* to_opaque(const std::optional<int32_t>& place) { return reinterpret_cast<void*>(place ? static_cast<uintptr_t>(*place) + 1 : 0); }

/// No repetition changes these.
bool is_refusal(int code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL: return true;
    default: return false;
  }
}

bool is_fencing(int code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH || code == RD_KAFKA_RESP_ERR__FATAL ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING || code == RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID ||
         code == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  static_cast<kafka_producer*>(static_cast<kafka_client*>(opaque)->opaque())->on_report(*message);
}

int32_t on_partition(const rd_kafka_topic_t*, const void*, size_t, int32_t partitions, void* topic_opaque, void* opaque) {
  return static_cast<kafka_producer*>(topic_opaque)->place(partitions, opaque);
}

/// What the library may hold. Less than the five requests of a megabyte that it has under way at most: while it has five and
/// records are left, its thread asks the socket without a pause (librdkafka 2.0.2), which took two fifths of a sink's CPU.
/// But a record of the greatest size must fit.
size_t queue_kibibytes(const kafka_sink_settings& settings) {
  const auto given = settings.client.find("message.max.bytes");
  size_t record_bytes = 0;
  if (given != settings.client.end()) std::from_chars(given->second.data(), given->second.data() + given->second.size(), record_bytes);
  return std::max(limits::kafka_queue_kibibytes, 2 * record_bytes / limits::kibibyte);
}

void prepare(void* configuration) { rd_kafka_conf_set_dr_msg_cb(static_cast<rd_kafka_conf_t*>(configuration), on_delivery); }

rd_kafka_headers_t* headers_of(std::string_view bytes) {
  rd_kafka_headers_t* const made = rd_kafka_headers_new(8);
  byte_reader in(bytes);
  while (in.ok() && !in.at_end()) {
    const std::string_view name = in.bytes();
    const bool given = in.fixed<uint8_t>() != 0;
    const std::string_view value = given ? in.bytes() : std::string_view();
    if (!in.ok()) break;
    rd_kafka_header_add(made, name.data(), static_cast<ssize_t>(name.size()), given ? value.data() : nullptr,
                        static_cast<ssize_t>(value.size()));
  }
  return made;
}

}  // namespace

void kafka_producer::topic_closer::operator()(rd_kafka_topic_s* topic) const { rd_kafka_topic_destroy(topic); }

result<std::unique_ptr<kafka_producer>> kafka_producer::make(shared_kafka_settings settings) {
  std::unique_ptr<kafka_producer> made(new kafka_producer(settings));
  std::map<std::string, std::string> own{{"enable.idempotence", "true"},
                                         {"acks", "all"},
                                         {"retry.backoff.ms", "10"},
                                         {"queue.buffering.max.kbytes", std::to_string(queue_kibibytes(*settings))},
                                         {"queue.buffering.max.messages", std::to_string(limits::kafka_queue_records)}};
  // Waiting gathers larger requests; but records are seen as they come.
  if (!settings->client.contains("linger.ms")) own["linger.ms"] = "2";
  SYSTOLE_ASSIGN(made->client_, kafka_client::make(kafka_role::producer, settings->connection, settings->client, own, prepare,
                                                   made.get()));
  SYSTOLE_ASSIGN(made->topic_, made->open_topic(settings->topic));
  return made;
}

kafka_producer::~kafka_producer() {
  if (!client_) return;
  // What is left is either not wanted any more or comes again.
  rd_kafka_purge(client_->handle(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  topic_.reset();
}

result<kafka_producer::topic_handle> kafka_producer::open_topic(const std::string& name) {
  rd_kafka_topic_conf_t* const configuration = rd_kafka_default_topic_conf_dup(client_->handle());
  rd_kafka_topic_conf_set_partitioner_cb(configuration, on_partition);
  rd_kafka_topic_conf_set_opaque(configuration, this);
  topic_handle made(rd_kafka_topic_new(client_->handle(), name.c_str(), configuration));
  if (!made) return kafka_failure(rd_kafka_last_error(), "opening the topic " + name);
  return made;
}

void kafka_producer::on_report(const rd_kafka_message_s& message) {
  int none = 0;
  if (message.err) failed_code_.compare_exchange_strong(none, message.err);
  reported_.fetch_add(1, std::memory_order_relaxed);
}

int32_t kafka_producer::place(int32_t partitions, const void* opaque) {
  const auto given = reinterpret_cast<uintptr_t>(opaque);
  const uint64_t any = next_place_.fetch_add(given == 0, std::memory_order_relaxed) / kafka_records_of_a_place;
  return static_cast<int32_t>((given ? given - 1 : any) % static_cast<uint64_t>(partitions));
}

outcome kafka_producer::of_code(int code, const std::string& what) {
  cause_ = kafka_failure(code, what);
  if (rd_kafka_fatal_error(client_->handle(), nullptr, 0) || is_fencing(code)) return outcome::fatal;
  return is_refusal(code) ? outcome::refused : outcome::abortable;
}

outcome kafka_producer::initialise() {
  // Else the first record waits for the library to look for its topic, up to a second.
  const auto known = kafka_partition_count(*client_, settings_->topic, std::chrono::milliseconds(limits::kafka_call_ms));
  if (known) return outcome::ok;
  cause_ = known.error();
  if (cause_.code == error_code::unavailable) return outcome::retriable;
  return cause_.code == error_code::io ? outcome::fatal : outcome::refused;
}

outcome kafka_producer::send(const kafka_encoded_record& record) {
  const auto& [key, value, headers, place] = record;
  void* const opaque = to_opaque(place);
  rd_kafka_topic_s* const topic = topic_.get();
  constexpr int32_t partition = RD_KAFKA_PARTITION_UA;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(settings_->answer_ms);
  for (;;) {
    int code = 0;
    void* const bytes = value ? const_cast<char*>(value->data()) : nullptr;
    const char* const key_bytes = key ? key->data() : nullptr;
    const size_t size = value ? value->size() : 0, key_size = key ? key->size() : 0;
    if (headers) {
      rd_kafka_headers_t* const list = headers_of(*headers);
      code = rd_kafka_producev(client_->handle(), RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition),
                               RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(bytes, size),
                               RD_KAFKA_V_KEY(key_bytes, key_size),
                               RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
      if (code) rd_kafka_headers_destroy(list);
    } else if (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, bytes, size, key_bytes, key_size, opaque) != 0) {
      code = rd_kafka_last_error();
    }
    if (code == 0) {
      sent_.fetch_add(1, std::memory_order_relaxed);
      return outcome::ok;
    }
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || std::chrono::steady_clock::now() > give_up)
      return of_code(code, "giving records to topic " + settings_->topic);
    rd_kafka_poll(client_->handle(), limits::kafka_retry_pause_ms);
    if (const outcome so_far = reports(); so_far != outcome::ok) return so_far;
  }
}

outcome kafka_producer::poll() {
  rd_kafka_poll(client_->handle(), 0);
  return reports();
}

outcome kafka_producer::reports() {
  const int code = failed_code_;
  return code == 0 ? outcome::ok : of_code(code, "writing to topic " + settings_->topic);
}

outcome kafka_producer::flush(std::chrono::milliseconds wait) {
  const auto until = std::chrono::steady_clock::now() + wait;
  const uint64_t wanted = sent_;
  // The flush of the library only ends its waiting for larger requests; what counts are the reports.
  while (reported_ < wanted) {
    rd_kafka_flush(client_->handle(), limits::kafka_retry_pause_ms);
    if (const outcome so_far = reports(); so_far != outcome::ok) return so_far;
    if (reported_ >= wanted) break;
    if (rd_kafka_fatal_error(client_->handle(), nullptr, 0))
      return of_code(RD_KAFKA_RESP_ERR__FATAL, "writing to topic " + settings_->topic);
    if (std::chrono::steady_clock::now() > until) {
      cause_ = fail(error_code::unavailable, "topic " + settings_->topic + ": the broker has not confirmed " +
                                                 std::to_string(wanted - reported_) + " records in time");
      return outcome::retriable;
    }
  }
  return reports();
}

void kafka_producer::pause() { rd_kafka_poll(client_->handle(), limits::kafka_retry_pause_ms); }

}  // namespace systole
