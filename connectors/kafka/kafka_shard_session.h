#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/kafka/kafka_shard_protocol.h"
#include "connectors/kafka/kafka_sink_settings.h"
#include "connectors/kafka/kafka_shard_transaction.h"
#include "connectors/outbox/epoch_outbox.h"

namespace systole {

/// Performs for one shard what kafka_shard_protocol decides, on a real broker. Each call blocks until it is done or the
/// settings' answer time is over: `unavailable`, and a new attempt tries again. `fenced`: another attempt has taken over.
/// One thread.
class kafka_shard_session {
 public:
  kafka_shard_session(shared_kafka_settings settings, uint32_t shard);

  /// Fences whatever held the shard before, then reads its marker.
  result<void> open();
  const std::optional<kafka_marker>& at() const { return decide_.at(); }
  /// A transaction with the segments' records and the marker, every record confirmed, not committed.
  result<void> stage(kafka_shard_protocol::epoch_part part, std::vector<outbox_segment> segments);
  /// Commits what was staged.
  result<void> commit();
  /// Has it committed, whatever a former process did.
  result<void> resolve(kafka_shard_protocol::epoch_part part, std::vector<outbox_segment> segments);

 private:
  using protocol = kafka_shard_protocol;
  result<void> drive();
  protocol::outcome perform(protocol::action what);
  protocol::outcome open_producer();
  protocol::outcome produce();
  result<void> read_marker(std::chrono::steady_clock::time_point until);
  failure stopped() const;

  shared_kafka_settings settings_;
  uint32_t shard_;
  protocol decide_;
  std::unique_ptr<kafka_shard_transaction> producer_;
  bool initialising_ = false;  ///< the producer is new and its initialisation goes on
  std::vector<outbox_segment> segments_;
  std::optional<failure> cause_;
  std::optional<failure> outbox_cause_;  ///< no broker's fault: the outbox cannot be read
};

}  // namespace systole
