#pragma once

#include <cstdint>

#include "base/result.h"
#include "connectors/kafka/kafka_sink_settings.h"

namespace systole {

/// Makes the sink's topics ready before the first row: the target is there (made where the manifest says so), the marker
/// topic has a partition for each of `shards`. Blocks up to the settings' answer time.
result<void> prepare_kafka_topics(const kafka_sink_settings& settings, uint32_t shards);

}  // namespace systole
