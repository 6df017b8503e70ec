#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "connectors/kafka/kafka_shard_protocol.h"
#include "connectors/kafka/kafka_sink_settings.h"
#include "connectors/outbox/epoch_outbox.h"
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
  /// Sends the records of a frame (kafka_outbox_frames). Not ok: the transaction is of no use any more.
  outcome send(outbox_frame frame);
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

  shared_kafka_settings settings_;
  std::unique_ptr<kafka_transactional_producer> producer_;
  failure cause_;
};

}  // namespace systole
