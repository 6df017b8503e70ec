#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_marker.h"
#include "connectors/kafka/kafka_sink_settings.h"

namespace systole {

/// Makes the sink's topics ready before the first row: the target is there (made where the manifest says so), the marker
/// topic has a partition for each of `shards`. Blocks up to the settings' answer time.
result<void> prepare_kafka_topics(const kafka_sink_settings& settings, uint32_t shards);

/// Reads markers. Holds two consumers: one that sees what is committed, one that knows where the partition ends. One
/// thread.
class kafka_marker_reader {
 public:
  static result<std::unique_ptr<kafka_marker_reader>> make(shared_kafka_settings settings);
  /// The last committed marker of a shard; nothing where there is none, told by having read up to the end. REQUIRES: the
  /// shard's id was fenced before. `unavailable` where the end was not reached within `wait`.
  result<std::optional<kafka_marker>> read(uint32_t shard, std::chrono::milliseconds wait);

 private:
  explicit kafka_marker_reader(shared_kafka_settings settings) : settings_(std::move(settings)) {}
  /// From `offset` up to the end; nothing where no marker is there.
  result<std::optional<kafka_marker>> read_from(uint32_t shard, int64_t offset, int64_t end,
                                                std::chrono::steady_clock::time_point until);
  shared_kafka_settings settings_;
  std::unique_ptr<kafka_client> committed_, all_;
};

}  // namespace systole
