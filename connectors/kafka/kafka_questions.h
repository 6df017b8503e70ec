#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "connectors/kafka/kafka_client.h"

namespace systole {

// Questions to the cluster. They block up to `time_out` (for both offsets: twice that), whichever broker is dead: never on a
// thread that must go on. `unavailable`: to be asked again; `invalid_argument` once brokers have kept the client out for a while.

/// What is known of a partition.
struct kafka_offsets {
  int64_t first = 0;  ///< the first one kept
  int64_t end = 0;    ///< behind the last one that a reader may see
};

/// How many partitions a topic has; `not_found` where it does not exist.
result<uint32_t> kafka_partition_count(kafka_client& client, const std::string& topic, std::chrono::milliseconds time_out);
/// With the client's isolation level: behind the last stable record of a read_committed one, behind the last of others.
result<kafka_offsets> kafka_partition_offsets(kafka_client& client, const std::string& topic, uint32_t partition,
                                              std::chrono::milliseconds time_out);
/// The `end` of it alone.
result<int64_t> kafka_partition_end(kafka_client& client, const std::string& topic, uint32_t partition,
                                    std::chrono::milliseconds time_out);
/// The first offset whose record is at `timestamp_ms` or later; the end where there is none yet.
result<int64_t> kafka_offset_of_time(kafka_client& client, const std::string& topic, uint32_t partition,
                                     int64_t timestamp_ms, std::chrono::milliseconds time_out);

}  // namespace systole
