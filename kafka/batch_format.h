#pragma once

#include <cstddef>
#include <cstdint>

/// Where the parts of a record batch's head are, and what its attributes say
/// (https://kafka.apache.org/documentation/#recordbatch). What counts for the checksum begins with the attributes.
namespace systole::kafka_batch {

inline constexpr size_t length_at = 8, length_end = 12, magic_at = 16, crc_at = 17, attributes_at = 21, last_delta_at = 23,
                        base_timestamp_at = 27, max_timestamp_at = 35, producer_at = 43, epoch_at = 51, sequence_at = 53, count_at = 57,
                        head_size = 61;
inline constexpr int16_t codec_bits = 0x07, log_append_time = 0x08, transactional = 0x10, control = 0x20;
inline constexpr int8_t current_magic = 2;

}  // namespace systole::kafka_batch
