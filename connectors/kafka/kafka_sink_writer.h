#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "connectors/kafka/kafka_outbox_frames.h"
#include "connectors/kafka/kafka_record_encoder.h"
#include "connectors/kafka/kafka_recovery.h"
#include "connectors/kafka/kafka_shard_session.h"
#include "connectors/outbox/epoch_changes.h"
#include "connectors/outbox/epoch_outbox.h"
#include "connectors/sink.h"

namespace systole {

/// The exactly-once writer of one shard: rows become record batches in the outbox; make_durable() stages the epoch's transaction,
/// commit() commits it. The broker is talked to by the state thread only.
class kafka_sink_writer final : public sink_writer {
 public:
  kafka_sink_writer(shared_kafka_settings settings, uint32_t shard, std::unique_ptr<kafka_record_encoder> encoder);

  result<void> write(const batch& rows) override;
  result<sealed_epoch> seal(epoch_id epoch, bool is_last) override;
  result<void> make_durable(epoch_id epoch) override;
  result<void> commit(const commit_epoch& epoch) override;
  uint64_t outbox_bytes() const override { return outbox_.bytes() + changes_.memory_bytes() + (frames_ ? frames_->held_bytes() : 0); }
  /// Not the frames: they go to the outbox as they fill, with no barrier, and are few.
  uint64_t held_memory_bytes() const override { return changes_.memory_bytes(); }
  std::string snapshot() override { return outbox_.snapshot(); }
  result<void> restore(std::string_view bytes) override;

 private:
  result<void> open();
  /// Appends rows to the outbox as records.
  result<void> gather(const batch& rows);

  shared_kafka_settings settings_;
  uint32_t shard_;
  std::unique_ptr<kafka_record_encoder> encoder_;
  committed_epoch committed_;
  epoch_outbox outbox_;
  std::optional<kafka_outbox_frames> frames_;     ///< once there are rows: the topic's partitions are asked for then
  epoch_changes changes_;
  std::mutex sealed_mutex_;
  std::map<uint64_t, kafka_committable> sealed_;  ///< by epoch: what was sealed and is not committed
  // The state thread's.
  std::unique_ptr<kafka_shard_session> session_;
  uint64_t previous_ = 0;                         ///< the last complete epoch, once the session is open
  kafka_committable staged_;
};

}  // namespace systole
