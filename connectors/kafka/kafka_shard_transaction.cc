#include "connectors/kafka/kafka_shard_transaction.h"

#include <algorithm>

#include "base/bytes.h"
#include "connectors/kafka/kafka_partition.h"
#include "connectors/kafka/kafka_record_encoder.h"

namespace systole {
namespace {

using outcome = kafka_shard_transaction::outcome;

/// Parts of a shard's time that one answer may take: it may be waited for, the leader looked for, and the batch sent again.
constexpr int answers_in_time = 3;

}  // namespace

result<std::unique_ptr<kafka_shard_transaction>> kafka_shard_transaction::make(shared_kafka_settings settings, std::string transactional_id) {
  SYSTOLE_ASSIGN(kafka_client_options options, kafka_options_of(settings->connection, settings->client));
  const std::chrono::milliseconds most(settings->answer_ms / answers_in_time);
  options.answer_time = std::min(options.answer_time, most);
  options.connect_time = std::min(options.connect_time, most);
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

result<void> kafka_shard_transaction::send_one(const batch& records, size_t row) {
  const auto text = [&](size_t column, std::string_view& into) -> const std::string_view* {
    if (records.at(column).is_null(row)) return nullptr;
    into = records.at(column).text(row);
    return &into;
  };
  std::string_view key, value, headers;
  headers_.clear();
  if (text(kafka_record_column::headers, headers)) {
    header_values_.clear();
    header_values_.reserve(headers.size());  // each takes a byte at least
    byte_reader in(headers);
    while (in.ok() && !in.at_end()) {
      const std::string_view name = in.bytes();
      const bool given = in.fixed<uint8_t>() != 0;
      if (given) header_values_.push_back(in.bytes());
      if (in.ok()) headers_.emplace_back(name, given ? &header_values_.back() : nullptr);
    }
  }
  const column& places = records.at(kafka_record_column::place);
  const bool is_placed = !places.is_null(row);
  const uint64_t place = is_placed ? static_cast<uint64_t>(places.values<int32_t>()[row]) : next_place_++ / kafka_records_of_a_place;
  const auto partition = static_cast<uint32_t>(place % producer_->partitions(rows));
  return producer_->send(rows, partition, text(kafka_record_column::key, key), text(kafka_record_column::value, value), headers_);
}

outcome kafka_shard_transaction::send(const batch& records) {
  // What the brokers have after a failure is not known: another producer finds out.
  for (size_t row = 0; row < records.rows(); ++row)
    if (const auto sent = send_one(records, row); !sent) return of(sent, outcome::fatal);
  return outcome::ok;
}

outcome kafka_shard_transaction::send_marker(uint32_t partition, const std::string& key, const std::string& value) {
  const std::string_view key_text = key, value_text = value;
  if (partition >= producer_->partitions(markers))
    return of(fail(error_code::not_found, "the topic " + settings_->marker_topic + " has no partition " + std::to_string(partition)),
              outcome::fatal);
  return of(producer_->send(markers, partition, &key_text, &value_text, {}), outcome::fatal);
}

outcome kafka_shard_transaction::flush() { return of(producer_->flush(), outcome::fatal); }
outcome kafka_shard_transaction::commit() { return of(producer_->end(true), outcome::retriable); }
outcome kafka_shard_transaction::abort() { return of(producer_->end(false), outcome::retriable); }

}  // namespace systole
