#pragma once

#include <cstdint>
#include <string_view>

namespace systole {

/// The hash by which Kafka's Java clients place a record's key: 32-bit MurmurHash2 with their seed, without its sign
/// (org.apache.kafka.common.utils.Utils.toPositive(murmur2)). The partition is this modulo their number.
int32_t kafka_key_hash(std::string_view key);

/// Rows without a key stay with a partition for so many, which makes larger batches.
inline constexpr uint64_t kafka_records_of_a_place = 1024;

}  // namespace systole
