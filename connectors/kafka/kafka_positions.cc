#include "connectors/kafka/kafka_positions.h"

#include "base/bytes.h"

namespace systole {
namespace {

constexpr uint32_t positions_version = 1;

result<void> decode_one(const std::string& topic, const std::string& snapshot, kafka_positions& made) {
  byte_reader reader(snapshot);
  const auto version = reader.fixed<uint32_t>();
  if (reader.ok() && version != positions_version)
    return fail(error_code::incompatible, "the saved positions of the topic " + topic + " have version " + std::to_string(version) +
                                              "; this build reads version " + std::to_string(positions_version) +
                                              ": go on with the build that wrote them");
  const std::string saved(reader.bytes());
  if (reader.ok() && saved != topic)
    return fail(error_code::incompatible, "the saved positions are of the topic " + saved + ", the source reads " + topic +
                                              ": give the source another name, or read the former topic");
  const auto count = reader.fixed<uint32_t>();
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    const auto partition = reader.fixed<uint32_t>();
    kafka_position each;
    each.next = reader.fixed<int64_t>();
    each.stop = reader.fixed<int64_t>();
    each.records = reader.fixed<uint64_t>();
    each.newest = reader.fixed<timestamp_us>();
    each.announced = reader.fixed<timestamp_us>();
    made[partition] = each;
  }
  if (!reader.ok() || !reader.at_end()) return fail(error_code::corrupt, "the saved positions of " + topic + " are damaged");
  return {};
}

}  // namespace

std::string encode_kafka_positions(const std::string& topic, const kafka_positions& positions) {
  std::string out;
  append_fixed(out, positions_version);
  append_bytes(out, topic);
  append_fixed(out, static_cast<uint32_t>(positions.size()));
  for (const auto& [partition, each] : positions) {
    append_fixed(out, partition);
    append_fixed(out, each.next);
    append_fixed(out, each.stop);
    append_fixed(out, each.records);
    append_fixed(out, each.newest);
    append_fixed(out, each.announced);
  }
  return out;
}

result<kafka_positions> decode_kafka_positions(const std::string& topic, const std::vector<std::string>& snapshots) {
  kafka_positions made;
  for (const std::string& each : snapshots)
    if (!each.empty()) SYSTOLE_TRY(decode_one(topic, each, made));
  return made;
}

}  // namespace systole
