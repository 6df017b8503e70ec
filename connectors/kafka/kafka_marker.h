#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace systole {

/// What a Kafka sink's shard writes into the transaction of an epoch, beside its rows: so whoever reads the marker topic
/// knows which epoch's transaction was committed last (docs/format/kafka_marker.md).
struct kafka_marker {
  uint64_t epoch = 0;
  uint64_t previous = 0;   ///< the last complete epoch before; for people who read the topic
  std::string staged;      ///< names this staging of the epoch; the checkpoint has it in the shard's committable
  uint64_t rows = 0;
  uint64_t xxh3 = 0;       ///< of the rows' outbox segments' checksums

  bool operator==(const kafka_marker&) const = default;
};

/// Stands for `staged` where no rows belong to the marker: a shard that begins at a checkpoint, and one that was set back.
inline constexpr std::string_view marker_begun = "begun", marker_rewound = "rewound";

/// The record's key: job, sink and shard.
std::string marker_key(std::string_view job, std::string_view sink, uint32_t shard);
std::string encode_marker(std::string_view key, const kafka_marker& marker);
/// `corrupt` where it is not whole or of another version, or under another key.
result<kafka_marker> decode_marker(std::string_view key, std::string_view value);

/// For messages: "epoch 12 (3f2a..)" or "no epoch".
std::string describe(const std::optional<kafka_marker>& marker);

}  // namespace systole
