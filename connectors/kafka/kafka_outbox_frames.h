#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/kafka/kafka_record_encoder.h"
#include "connectors/outbox/epoch_outbox.h"
#include "kafka/batch_writer.h"
#include "kafka/client_options.h"
#include "kafka/transactional_producer.h"

namespace systole {

/// Gathers a shard's records into record batches of the topic's partitions, a frame of the outbox each (docs/format/kafka_outbox.md),
/// so that a transaction has only to stamp and send what it reads back. One thread, the outbox's.
class kafka_outbox_frames {
 public:
  kafka_outbox_frames(kafka_client_options options, std::string topic, uint32_t partitions, epoch_outbox& into);

  /// Takes a record; appends to the outbox what is enough for a batch. `limit_exceeded`: the record is longer than the options allow.
  result<void> add(const kafka_encoded_record& record);
  /// Appends the rest.
  result<void> flush();
  /// Gathered, and not in the outbox yet: at most limits::kafka_request_bytes and a record.
  size_t held_bytes() const { return held_bytes_; }

 private:
  void take_headers(std::string_view encoded);
  result<void> append(uint32_t partition);

  const kafka_client_options options_;
  const std::string topic_;
  epoch_outbox& into_;
  std::vector<kafka_batch_writer> writers_;  ///< by partition
  size_t held_bytes_ = 0;
  uint64_t next_place_ = 0;
  std::string spare_;
  std::vector<std::string_view> header_values_;
  std::vector<kafka_batch_writer::header> headers_;  ///< of the record that is added
};

/// The batch in a frame, and its partition.
struct kafka_framed_batch {
  uint32_t partition = 0;
  kafka_transactional_producer::unsent batch;
};
/// `incompatible`: the frame is of an older version, which has to commit it itself.
result<kafka_framed_batch> read_kafka_frame(outbox_frame frame);

}  // namespace systole
