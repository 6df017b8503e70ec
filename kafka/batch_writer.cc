#include "kafka/batch_writer.h"

#include <cstring>

#include "base/bytes.h"
#include "kafka/batch_format.h"
#include "kafka/crc32c.h"
#include "kafka/wire_format.h"

namespace systole {
namespace {

using namespace kafka_batch;

uint64_t zigzag(int64_t value) { return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63); }

size_t varint_size(int64_t value) {
  size_t size = 1;
  for (uint64_t left = zigzag(value); left >= 0x80; left >>= 7) ++size;
  return size;
}
void append_number(std::string& out, int64_t value) { append_varint(out, zigzag(value)); }

size_t size_of(const std::string_view* text) { return text ? varint_size(static_cast<int64_t>(text->size())) + text->size() : 1; }
void append_blob(std::string& out, const std::string_view* text) {
  append_number(out, text ? static_cast<int64_t>(text->size()) : -1);
  if (text) out += *text;
}

template <class T>
void put(std::string& into, size_t at, T value) {
  value = kafka_swapped(value);
  std::memcpy(into.data() + at, &value, sizeof value);
}

/// Without the offset's delta.
size_t body_size(const std::string_view* key, const std::string_view* value, const std::vector<kafka_batch_writer::header>& headers) {
  size_t size = 2 + size_of(key) + size_of(value) + varint_size(static_cast<int64_t>(headers.size()));  // attributes, time
  for (const auto& [name, text] : headers) size += size_of(&name) + size_of(text);
  return size;
}

}  // namespace

kafka_batch_writer::kafka_batch_writer() : bytes_(head_size, '\0') {}

size_t kafka_batch_writer::record_size(const std::string_view* key, const std::string_view* value, const std::vector<header>& headers) {
  constexpr size_t length_and_delta = 10;
  return body_size(key, value, headers) + length_and_delta;
}

void kafka_batch_writer::add(const std::string_view* key, const std::string_view* value, const std::vector<header>& headers) {
  append_number(bytes_, static_cast<int64_t>(body_size(key, value, headers) + varint_size(records_)));
  bytes_.append(2, '\0');  // attributes; as late as the first one
  append_number(bytes_, records_++);
  append_blob(bytes_, key);
  append_blob(bytes_, value);
  append_number(bytes_, static_cast<int64_t>(headers.size()));
  for (const auto& [name, text] : headers) {
    append_blob(bytes_, &name);
    append_blob(bytes_, text);
  }
}

result<std::string> kafka_batch_writer::finish(const kafka_producer_stamp& by, int64_t now_ms, kafka_codec codec, int level,
                                               std::string spare) {
  spare.assign(head_size, '\0');
  std::string made = std::exchange(bytes_, std::move(spare));
  const int32_t records = std::exchange(records_, 0);
  SYSTOLE_TRY(kafka_compress(codec, level, made, head_size));
  put(made, length_at, static_cast<int32_t>(made.size() - length_end));
  put(made, length_end, int32_t{-1});  // the leader's epoch
  put(made, magic_at, current_magic);
  put(made, attributes_at, static_cast<int16_t>(static_cast<int16_t>(codec) | (by.transactional ? transactional : 0)));
  put(made, last_delta_at, records - 1);
  put(made, base_timestamp_at, now_ms);
  put(made, max_timestamp_at, now_ms);
  put(made, producer_at, by.producer);
  put(made, epoch_at, by.epoch);
  put(made, sequence_at, by.first_sequence);
  put(made, count_at, records);
  put(made, crc_at, crc32c(std::string_view(made).substr(attributes_at)));
  return made;
}

}  // namespace systole
