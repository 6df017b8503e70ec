#pragma once

#include <chrono>
#include <optional>

#include "base/result.h"
#include "connectors/kafka/kafka_marker.h"
#include "connectors/kafka/kafka_sink_settings.h"

namespace systole {

/// The last committed marker of a shard; nothing where there is none, told by having read up to the end. REQUIRES: the shard's id was
/// fenced before. Asks again until `until`: `unavailable` then; `incompatible`: the partition has records of another sink.
result<std::optional<kafka_marker>> read_kafka_marker(const kafka_sink_settings& settings, uint32_t shard,
                                                      std::chrono::steady_clock::time_point until);

}  // namespace systole
