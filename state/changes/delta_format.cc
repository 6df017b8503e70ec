#include "state/changes/delta_format.h"

#include <xxhash.h>

namespace systole {
namespace {

constexpr size_t checked_header_bytes = segment_header_bytes - sizeof(uint64_t);
constexpr size_t checked_chunk_bytes = chunk_header_bytes - sizeof(uint64_t);

uint64_t xxh3(std::string_view bytes, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace

std::string encode(const segment_header& header) {
  std::string out(delta_magic);
  append_fixed(out, delta_format_version);
  append_fixed(out, uint32_t{header.sorted});
  append_fixed(out, uint32_t{header.groups.first});
  append_fixed(out, uint32_t{header.groups.last});
  append_fixed(out, header.max_parallelism);
  append_fixed(out, uint32_t{0});
  append_fixed(out, header.previous_epoch);
  append_fixed(out, xxh3(out));
  return out;
}

result<segment_header> decode_segment_header(std::string_view bytes) {
  byte_reader reader(bytes);
  if (reader.take(delta_magic.size()) != delta_magic) return fail(error_code::corrupt, "is not a state segment");
  const auto version = reader.fixed<uint32_t>();
  if (!reader.ok() || bytes.size() < segment_header_bytes) return fail(error_code::corrupt, "is cut off in its header");
  byte_reader tail(bytes.substr(checked_header_bytes));
  const bool intact = tail.fixed<uint64_t>() == xxh3(bytes.substr(0, checked_header_bytes));
  if (!intact) return fail(error_code::corrupt, "has a damaged header");
  if (version != delta_format_version) {
    return fail(error_code::incompatible, "has segment format version " + std::to_string(version) + "; this build reads " +
                                              std::to_string(delta_format_version));
  }
  segment_header header;
  header.sorted = reader.fixed<uint32_t>() != 0;
  header.groups.first = static_cast<uint16_t>(reader.fixed<uint32_t>());
  header.groups.last = static_cast<uint16_t>(reader.fixed<uint32_t>());
  header.max_parallelism = reader.fixed<uint32_t>();
  reader.fixed<uint32_t>();
  header.previous_epoch = reader.fixed<uint64_t>();
  return header;
}

uint64_t chunk_seed(std::string_view encoded_segment_header) { return xxh3(encoded_segment_header); }

std::string encode_chunk_header(const table_shape& table, uint32_t records, uint32_t sequence, std::string_view payload,
                                uint64_t seed) {
  std::string out;
  append_fixed(out, table.number);
  append_fixed(out, static_cast<uint32_t>(table.kind));
  append_fixed(out, table.fixed_value_bytes);
  append_fixed(out, records);
  append_fixed(out, static_cast<uint32_t>(payload.size()));
  append_fixed(out, sequence);
  append_fixed(out, chunk_checksum(out, payload, seed));
  return out;
}

chunk_header decode_chunk_header(std::string_view bytes) {
  byte_reader reader(bytes);
  chunk_header header;
  header.table.number = reader.fixed<uint32_t>();
  header.table.kind = static_cast<table_kind>(reader.fixed<uint32_t>());
  header.table.fixed_value_bytes = reader.fixed<uint32_t>();
  header.records = reader.fixed<uint32_t>();
  header.length = reader.fixed<uint32_t>();
  header.sequence = reader.fixed<uint32_t>();
  header.xxh3 = reader.fixed<uint64_t>();
  return header;
}

uint64_t chunk_checksum(std::string_view encoded_header, std::string_view payload, uint64_t seed) {
  return xxh3(payload, xxh3(encoded_header.substr(0, checked_chunk_bytes), seed));
}

void append_record(std::string& out, const table_shape& table, const delta_record& record) {
  append_record_key(out, record.key, record.erased);
  if (table.kind == table_kind::timers) {
    append_fixed(out, record.time);
    return;
  }
  if (table.kind == table_kind::map) append_bytes(out, record.subkey);
  if (record.erased) return;
  if (table.fixed_value_bytes == 0) {
    append_bytes(out, record.value);
  } else {
    out.append(record.value);
  }
}

bool read_record(byte_reader& rest, const table_shape& table, delta_record& record) {
  const uint64_t head = rest.varint();
  record.erased = (head & 1) != 0;
  record.key = rest.take(head >> 1);
  record.value = {};
  if (table.kind == table_kind::timers) {
    record.time = rest.fixed<int64_t>();
    return rest.ok();
  }
  if (table.kind == table_kind::map) record.subkey = rest.bytes();
  if (!record.erased) record.value = table.fixed_value_bytes == 0 ? rest.bytes() : rest.take(table.fixed_value_bytes);
  return rest.ok();
}

}  // namespace systole
