#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "data/batch.h"

namespace systole {

/// How far a partition was read: what a reader's snapshot holds of it.
struct kafka_position {
  static constexpr int64_t no_stop = -1;
  int64_t next = 0;                          ///< the first offset not read
  int64_t stop = no_stop;                    ///< bounded: the first offset that is not part of the input
  uint64_t records = 0;                      ///< read so far; the watermark advances every 1,024
  timestamp_us newest = watermark_none;      ///< event time among them
  timestamp_us announced = watermark_none;   ///< the part of it that the watermark counts

  bool done() const { return stop != no_stop && next >= stop; }
};
using kafka_positions = std::map<uint32_t, kafka_position>;

/// The snapshot of a reader: versioned, with the topic's name. docs/format/kafka_positions.md
std::string encode_kafka_positions(const std::string& topic, const kafka_positions& positions);
/// All partitions of the readers of a checkpoint. `incompatible` where they are of another topic or version.
result<kafka_positions> decode_kafka_positions(const std::string& topic, const std::vector<std::string>& snapshots);

}  // namespace systole
