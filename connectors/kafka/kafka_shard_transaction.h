#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/kafka/kafka_shard_protocol.h"
#include "connectors/kafka/kafka_sink_settings.h"
#include "data/batch.h"
#include "kafka/transactional_producer.h"

namespace systole {

/// A shard's transactions: what kafka_shard_protocol has done, on a producer of its own. Calls wait, each for a part of the
/// settings' answer time. One thread.
class kafka_shard_transaction {
 public:
  using outcome = kafka_shard_protocol::outcome;

  static result<std::unique_ptr<kafka_shard_transaction>> make(shared_kafka_settings settings, std::string transactional_id);

  /// Takes the transactional id over from whoever has it, and learns the topics' partitions.
  outcome initialise();
  outcome begin();
  /// Sends records (kafka_record_column). Not ok: the transaction is of no use any more.
  outcome send(const batch& records);
  outcome send_marker(uint32_t partition, const std::string& key, const std::string& value);
  /// ok where the brokers have all records.
  outcome flush();
  /// Asked of the cluster once: retriable, it is not known.
  outcome commit();
  outcome abort();
  /// What the last outcome that was not ok was about.
  const failure& cause() const { return cause_; }

 private:
  static constexpr size_t rows = 0, markers = 1;  ///< topics
  explicit kafka_shard_transaction(shared_kafka_settings settings) : settings_(std::move(settings)) {}
  outcome of(const result<void>& done, outcome unanswered);
  result<void> send_one(const batch& records, size_t row);

  shared_kafka_settings settings_;
  std::unique_ptr<kafka_transactional_producer> producer_;
  uint64_t next_place_ = 0;
  std::vector<std::string_view> header_values_;
  std::vector<kafka_batch_writer::header> headers_;
  failure cause_;
};

}  // namespace systole
