#include "connectors/kafka/kafka_shard_transaction.h"

#include "base/clock.h"
#include "connectors/kafka/kafka_outbox_frames.h"

namespace systole {
namespace {

using outcome = kafka_shard_transaction::outcome;

}  // namespace

result<std::unique_ptr<kafka_shard_transaction>> kafka_shard_transaction::make(shared_kafka_settings settings, std::string transactional_id) {
  SYSTOLE_ASSIGN(kafka_client_options options, kafka_sink_options(*settings));
  std::unique_ptr<kafka_shard_transaction> made(new kafka_shard_transaction(settings));
  SYSTOLE_ASSIGN(made->producer_,
                 kafka_transactional_producer::make(std::move(options), std::move(transactional_id),
                                                    std::chrono::milliseconds(settings->transaction_timeout_ms),
                                                    {settings->topic, settings->marker_topic}));
  return made;
}

outcome kafka_shard_transaction::of(const result<void>& done, outcome unanswered) {
  if (done) return outcome::ok;
  cause_ = done.error();
  switch (cause_.code) {
    case error_code::unavailable: return unanswered;
    case error_code::limit_exceeded:
    case error_code::not_found:
    case error_code::invalid_argument:
    case error_code::incompatible: return outcome::refused;
    default: return outcome::fatal;
  }
}

outcome kafka_shard_transaction::initialise() { return of(producer_->initialise(), outcome::retriable); }

outcome kafka_shard_transaction::begin() {
  producer_->begin();
  return outcome::ok;
}

outcome kafka_shard_transaction::send(outbox_frame frame) {
  auto made = read_kafka_frame(std::move(frame));
  if (!made) return of(std::move(made).error(), outcome::fatal);
  if (made->partition >= producer_->partitions(rows))
    return of(fail(error_code::not_found, "the topic " + settings_->topic + " has no partition " + std::to_string(made->partition)), outcome::fatal);
  // What the brokers have after a failure is not known: another producer finds out.
  return of(producer_->send(rows, made->partition, std::move(made->batch)), outcome::fatal);
}

outcome kafka_shard_transaction::send_marker(uint32_t partition, const std::string& key, const std::string& value) {
  const std::string_view key_text = key, value_text = value;
  if (partition >= producer_->partitions(markers))
    return of(fail(error_code::not_found, "the topic " + settings_->marker_topic + " has no partition " + std::to_string(partition)),
              outcome::fatal);
  kafka_batch_writer writer;
  writer.add(&key_text, &value_text, {});
  const int32_t records = writer.records();
  auto made = writer.finish(system_clock().now_us() / 1000, kafka_codec::none, -1);
  if (!made) return of(std::move(made).error(), outcome::fatal);
  const auto bytes = std::make_shared<std::string>(std::move(made->bytes));
  return of(producer_->send(markers, partition, {bytes->data(), bytes->size(), records, made->body_crc, bytes}), outcome::fatal);
}

outcome kafka_shard_transaction::flush() { return of(producer_->flush(), outcome::fatal); }
outcome kafka_shard_transaction::commit() { return of(producer_->end(true), outcome::retriable); }
outcome kafka_shard_transaction::abort() { return of(producer_->end(false), outcome::retriable); }

}  // namespace systole
