#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka/compression.h"
#include "base/crc32c.h"
#include "kafka/record_set.h"

namespace systole::testing {

/// Appends an integer, big-endian; a text with its length in two bytes.
template <class T>
void put(std::string& out, T value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
}
inline void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<int16_t>(text.size()));
  out += text;
}
/// A zig-zag varint, as within records.
inline void put_varint(std::string& out, int64_t value) {
  uint64_t left = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; left >= 0x80; left >>= 7) out.push_back(static_cast<char>(left | 0x80));
  out.push_back(static_cast<char>(left));
}
inline void put_nullable(std::string& out, const std::optional<std::string>& bytes) {
  put_varint(out, bytes ? static_cast<int64_t>(bytes->size()) : -1);
  if (bytes) out += *bytes;
}

/// What a test puts into a batch (format: https://kafka.apache.org/documentation/#record).
struct written_record {
  std::optional<std::string> key = std::nullopt, value = std::nullopt;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};
  int64_t timestamp_delta = 0;
  int64_t offset_delta = -1;  ///< below 0: its place in the batch
};

/// A batch's attributes; the lowest three bits are the codec.
constexpr int16_t has_append_time = 8, is_transactional = 16, is_control = 32;

struct written_batch {
  int64_t base_offset = 0;
  std::vector<written_record> records = {};
  int16_t attributes = 0;
  int64_t base_timestamp = 1'000'000, max_timestamp = 2'000'000;
  int64_t producer = -1;
  int32_t last_delta = -1;                       ///< below 0: the last record's
  std::optional<int32_t> count = std::nullopt;   ///< else the records' number
  std::string (*compress)(std::string_view) = nullptr;
};

inline std::string record_bytes(const written_record& record, int64_t offset_delta) {
  std::string body(1, '\0');  // attributes
  put_varint(body, record.timestamp_delta);
  put_varint(body, offset_delta);
  put_nullable(body, record.key);
  put_nullable(body, record.value);
  put_varint(body, static_cast<int64_t>(record.headers.size()));
  for (const auto& [name, value] : record.headers) {
    put_nullable(body, name);
    put_nullable(body, value);
  }
  std::string made;
  put_varint(made, static_cast<int64_t>(body.size()));
  return made + body;
}

/// format: https://kafka.apache.org/documentation/#recordbatch
inline std::string bytes_of(const written_batch& batch) {
  std::string records;
  int64_t last = static_cast<int64_t>(batch.records.size()) - 1, place = 0;
  for (const written_record& each : batch.records) {
    const int64_t delta = each.offset_delta >= 0 ? each.offset_delta : place;
    ++place;
    last = std::max(last, delta);
    records += record_bytes(each, delta);
  }
  if (batch.compress) records = batch.compress(records);
  std::string checked;
  put(checked, batch.attributes);
  put(checked, batch.last_delta >= 0 ? batch.last_delta : static_cast<int32_t>(last));
  put(checked, batch.base_timestamp);
  put(checked, batch.max_timestamp);
  put(checked, batch.producer);
  put(checked, int16_t{0});  // the producer's epoch
  put(checked, int32_t{0});  // its sequence
  put(checked, batch.count.value_or(static_cast<int32_t>(batch.records.size())));
  checked += records;
  std::string made;
  put(made, batch.base_offset);
  put(made, static_cast<int32_t>(4 + 1 + 4 + checked.size()));
  put(made, int32_t{7});  // the leader's epoch
  put(made, int8_t{2});   // magic
  put(made, crc32c(checked));
  return made + checked;
}

/// Records with these values, and no more.
inline std::string values_at(int64_t offset, const std::vector<std::string>& values) {
  written_batch made{.base_offset = offset};
  for (const std::string& each : values) made.records.push_back({.value = each});
  return bytes_of(made);
}

/// The mark of a transaction's end: a control batch with one record, whose key says which.
inline std::string end_mark(int64_t offset, int64_t producer, bool committed) {
  std::string key, value;
  put(key, int16_t{0});
  put(key, static_cast<int16_t>(committed ? 1 : 0));
  put(value, int16_t{0});
  put(value, int32_t{3});
  return bytes_of({.base_offset = offset,
                   .records = {{.key = key, .value = value}},
                   .attributes = is_transactional | is_control,
                   .producer = producer});
}

/// `bytes` in memory of their own. Without the padding, which only decoders need, a read behind them is found.
inline kafka_block block_of(std::string_view bytes, size_t padding = kafka_block::padding) {
  kafka_block made{std::shared_ptr<char[]>(new char[bytes.size() + padding]), bytes.size()};
  if (!bytes.empty()) std::memcpy(made.bytes.get(), bytes.data(), bytes.size());
  std::memset(made.end(), 0, padding);
  return made;
}

/// How a reader asks for them.
struct reading {
  int64_t from = 0;
  std::vector<kafka_aborted> aborted = {};
  bool check_crcs = false;
};

inline kafka_record_set set_of(std::string_view bytes, buffer_pool& pool, const reading& how = {}, size_t padding = kafka_block::padding) {
  kafka_block block = block_of(bytes, padding);
  const std::string_view batches(block.bytes.get(), block.size);
  return kafka_record_set(std::move(block), batches, how.aborted, how.from, how.check_crcs, pool);
}

/// A set's records as "offset=value", and last what is wrong with it. A null is "-".
inline std::vector<std::string> read_texts(kafka_record_set& set) {
  std::vector<std::string> made;
  kafka_record record;
  while (set.next(record))
    made.push_back(std::to_string(record.offset) + "=" + (record.has_value ? std::string(record.value) : "-"));
  if (set.problem()) made.push_back("!" + set.problem()->message);
  return made;
}
inline std::vector<std::string> texts_of(std::string_view bytes, const reading& how = {}) {
  buffer_pool pool;
  kafka_record_set set = set_of(bytes, pool, how);
  return read_texts(set);
}

}  // namespace systole::testing
