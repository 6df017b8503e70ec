#include "connectors/kafka/kafka_recovery.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "base/bytes.h"

namespace systole {
namespace {

constexpr uint8_t committable_version = 1;

}  // namespace

std::string encode_committable(const kafka_committable& made) {
  std::string out;
  append_fixed(out, committable_version);
  append_bytes(out, made.staged);
  append_bytes(out, made.segments.empty() ? std::string() : encode_segments(made.segments));
  return out;
}

result<kafka_committable> decode_committable(std::string_view bytes) {
  byte_reader in(bytes);
  if (in.fixed<uint8_t>() != committable_version)
    return fail(error_code::incompatible, "a Kafka sink's committable is of another version");
  kafka_committable made;
  made.staged = std::string(in.bytes());
  const std::string_view segments = in.bytes();
  if (!in.ok() || !in.at_end()) return fail(error_code::corrupt, "a Kafka sink's committable cannot be read");
  SYSTOLE_ASSIGN(made.segments, decode_segments(segments));
  return made;
}

std::vector<outbox_segment> segments_of_epoch(const kafka_committable& from, uint64_t epoch, uint64_t previous) {
  std::vector<outbox_segment> made;
  for (const outbox_segment& each : from.segments)
    if (each.epoch > previous && each.epoch <= epoch) made.push_back(each);
  return made;
}

kafka_marker marker_of(const std::string& staged, uint64_t epoch, uint64_t previous,
                       const std::vector<outbox_segment>& segments) {
  kafka_marker made{.epoch = epoch, .previous = previous, .staged = staged};
  std::string sums;
  for (const outbox_segment& each : segments) {
    made.rows += each.rows;
    append_fixed(sums, each.xxh3);
  }
  made.xxh3 = XXH3_64bits(sums.data(), sums.size());
  return made;
}

result<std::optional<kafka_shard_protocol::epoch_part>> part_to_resolve(const recovering_shard& shard, uint64_t epoch,
                                                                        uint64_t previous, bool rewound,
                                                                        bool check_marker) {
  using part = kafka_shard_protocol::epoch_part;
  const std::optional<kafka_marker>& at = shard.at;
  if (rewound && at && at->epoch > epoch)
    return std::optional(part{{.epoch = epoch, .staged = std::string(marker_rewound)}, at});
  if (at && at->epoch == epoch && at->staged == marker_rewound) return std::optional<part>();
  if (shard.restored) {
    part made{marker_of(shard.restored->staged, epoch, previous, segments_of_epoch(*shard.restored, epoch, previous)), {}};
    if (previous > 0) made.before = kafka_marker{.epoch = previous};
    return std::optional(std::move(made));
  }
  // Not in the checkpoint, so no rows are owed. It may be deployed from now on: then its next epoch follows this one.
  if (at && at->epoch == epoch && at->staged == marker_begun) return std::optional<part>();
  if (check_marker && at && at->epoch >= epoch)
    return fail(error_code::incompatible,
                fmt::format("the topic's marker is of {}, but the restored checkpoint {} was taken without this shard; "
                            "another run has written there, or the state was restored from a copy",
                            describe(at), epoch));
  return std::optional(part{{.epoch = epoch, .previous = previous, .staged = std::string(marker_begun)}, at});
}

}  // namespace systole
