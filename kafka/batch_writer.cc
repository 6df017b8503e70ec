#include "kafka/batch_writer.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "kafka/batch_format.h"
#include "base/crc32c.h"
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
void put(char* batch, size_t at, T value) {
  value = kafka_swapped(value);
  std::memcpy(batch + at, &value, sizeof value);
}
template <class T>
T get(std::string_view batch, size_t at) {
  T value;
  std::memcpy(&value, batch.data() + at, sizeof value);
  return kafka_swapped(value);
}

/// Without the offset's delta.
size_t body_size(const std::string_view* key, const std::string_view* value, const std::vector<kafka_batch_writer::header>& headers) {
  size_t size = 2 + size_of(key) + size_of(value) + varint_size(static_cast<int64_t>(headers.size()));  // attributes, time
  for (const auto& [name, text] : headers) size += size_of(&name) + size_of(text);
  return size;
}

}  // namespace

kafka_batch_writer::kafka_batch_writer(size_t room) : begin_(room + head_size), bytes_(begin_, '\0') {}

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

result<kafka_batch_writer::batch> kafka_batch_writer::finish(int64_t now_ms, kafka_codec codec, int level, std::string spare) {
  spare.assign(begin_, '\0');
  batch made{std::exchange(bytes_, std::move(spare))};
  const int32_t records = std::exchange(records_, 0);
  SYSTOLE_TRY(kafka_compress(codec, level, made.bytes, begin_));
  char* const head = made.bytes.data() + begin_ - head_size;
  put(head, length_at, static_cast<int32_t>(made.bytes.size() - (begin_ - head_size) - length_end));
  put(head, length_end, int32_t{-1});  // the leader's epoch
  put(head, magic_at, current_magic);
  put(head, attributes_at, static_cast<int16_t>(codec));
  put(head, last_delta_at, records - 1);
  put(head, base_timestamp_at, now_ms);
  put(head, max_timestamp_at, now_ms);
  put(head, count_at, records);
  made.body_crc = crc32c(std::string_view(made.bytes).substr(begin_));
  return made;
}

int32_t kafka_batch_records(std::string_view batch) {
  if (batch.size() < head_size || batch[magic_at] != current_magic) return 0;
  if (get<int32_t>(batch, length_at) != static_cast<int64_t>(batch.size() - length_end)) return 0;
  return std::max(get<int32_t>(batch, count_at), 0);
}

void stamp_kafka_batch(char* batch, size_t size, const kafka_producer_stamp& by, uint32_t body_crc) {
  const auto codec = static_cast<int16_t>(get<int16_t>({batch, size}, attributes_at) & codec_bits);
  put(batch, attributes_at, static_cast<int16_t>(codec | (by.transactional ? transactional : 0)));
  put(batch, producer_at, by.producer);
  put(batch, epoch_at, by.epoch);
  put(batch, sequence_at, by.first_sequence);
  const uint32_t head_crc = crc32c({batch + attributes_at, head_size - attributes_at});
  put(batch, crc_at, crc32c_joined(head_crc, body_crc, size - head_size));
}

}  // namespace systole
