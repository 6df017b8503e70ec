#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "data/key_encoding.h"

namespace systole {

/// The format of segment files: deltas and merged bases (docs/format/delta.md, golden file). All numbers little-endian.
inline constexpr uint32_t delta_format_version = 1;
inline constexpr std::string_view delta_magic = "SYSDELTA";
inline constexpr size_t segment_header_bytes = 48;
inline constexpr size_t chunk_header_bytes = 32;

enum class table_kind : uint8_t { values = 1, map = 2, timers = 3, footer = 255 };

/// How a table's records look; stands in each chunk, so that a segment can be read without its tables.
struct table_shape {
  uint32_t number = 0;
  table_kind kind = table_kind::values;
  uint32_t fixed_value_bytes = 0;  ///< values only; 0: any number
  friend bool operator==(const table_shape&, const table_shape&) = default;
};

struct segment_header {
  key_group_range groups;
  uint32_t max_parallelism = 128;
  uint64_t previous_epoch = 0;  ///< changes since this one
  bool sorted = false;          ///< records ascend within each table and no key comes twice: a merged base
};

struct chunk_header {
  table_shape table;
  uint32_t records = 0;
  uint32_t length = 0;    ///< of the payload
  uint32_t sequence = 0;  ///< from 0; detects a lost or doubled chunk
  uint64_t xxh3 = 0;
};

std::string encode(const segment_header& header);
/// `incompatible` for another version, `corrupt` for anything else that does not match.
result<segment_header> decode_segment_header(std::string_view bytes);
/// What the chunks' checksums are seeded with, so that a chunk of another file is noticed.
uint64_t chunk_seed(std::string_view encoded_segment_header);

/// The header of a chunk with its checksum over header and payload.
std::string encode_chunk_header(const table_shape& table, uint32_t records, uint32_t sequence, std::string_view payload,
                                uint64_t seed);
chunk_header decode_chunk_header(std::string_view bytes);
uint64_t chunk_checksum(std::string_view encoded_header, std::string_view payload, uint64_t seed);

/// One change: a put, or an erase without a value.
struct delta_record {
  bool erased = false;
  std::string_view key;
  std::string_view subkey;  ///< maps
  int64_t time = 0;         ///< timers
  std::string_view value;   ///< values and maps
};

/// Appends records in a table's shape.
inline void append_record_key(std::string& out, std::string_view key, bool erased) {
  append_varint(out, key.size() << 1 | (erased ? 1 : 0));
  out.append(key);
}
void append_record(std::string& out, const table_shape& table, const delta_record& record);

/// Reads the record at the front of `rest` and takes it off; false where the bytes are malformed.
bool read_record(byte_reader& rest, const table_shape& table, delta_record& record);

}  // namespace systole
