#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/kafka/kafka_marker.h"
#include "connectors/kafka/kafka_shard_protocol.h"
#include "connectors/outbox/epoch_outbox.h"

namespace systole {

/// What a Kafka sink's shard puts into a checkpoint: the name of its staging and the outbox segments
/// (docs/format/kafka_marker.md).
struct kafka_committable {
  std::string staged;
  std::vector<outbox_segment> segments;  ///< not known to be committed when it was sealed
};
std::string encode_committable(const kafka_committable& made);
/// `incompatible` where it is of another version.
result<kafka_committable> decode_committable(std::string_view bytes);

/// The segments that epoch `epoch` has to commit behind `previous`, in order.
std::vector<outbox_segment> segments_of_epoch(const kafka_committable& from, uint64_t epoch, uint64_t previous);
/// The marker that is staged with them.
kafka_marker marker_of(const std::string& staged, uint64_t epoch, uint64_t previous,
                       const std::vector<outbox_segment>& segments);

/// A shard as the restored checkpoint and the topic know it.
struct recovering_shard {
  std::optional<kafka_committable> restored;  ///< nothing: the checkpoint was taken without this shard
  std::optional<kafka_marker> at;             ///< the last committed marker
};
/// What the shard is to have committed before the first row, so that all shards are at the checkpoint's epoch: nothing
/// where it is. Decides on facts only. `rewound`: the job was set back to this epoch and its rows converge (upsert).
/// `incompatible` where the marker is neither of this epoch nor of the one before.
result<std::optional<kafka_shard_protocol::epoch_part>> part_to_resolve(const recovering_shard& shard, uint64_t epoch,
                                                                        uint64_t previous, bool rewound, bool check_marker);

}  // namespace systole
