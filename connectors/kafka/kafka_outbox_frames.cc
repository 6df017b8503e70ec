#include "connectors/kafka/kafka_outbox_frames.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/limits.h"
#include "connectors/kafka/kafka_partition.h"
#include "kafka/batch_format.h"
#include "kafka/transaction_protocol.h"

namespace systole {
namespace {

/// A frame before its batch: u32 partition, u32 CRC-32C of what is behind the batch's head.
constexpr size_t prefix_bytes = 2 * sizeof(uint32_t);
constexpr size_t room = epoch_outbox::frame_head_bytes + prefix_bytes;

}  // namespace

kafka_outbox_frames::kafka_outbox_frames(kafka_client_options options, std::string topic, uint32_t partitions, epoch_outbox& into)
    : options_(std::move(options)), topic_(std::move(topic)), into_(into), writers_(partitions, kafka_batch_writer(room)) {}

void kafka_outbox_frames::take_headers(std::string_view encoded) {
  header_values_.clear();
  header_values_.reserve(encoded.size());  // each takes a byte at least
  byte_reader in(encoded);
  while (in.ok() && !in.at_end()) {
    const std::string_view name = in.bytes();
    const bool given = in.fixed<uint8_t>() != 0;
    if (given) header_values_.push_back(in.bytes());
    if (in.ok()) headers_.emplace_back(name, given ? &header_values_.back() : nullptr);
  }
}

result<void> kafka_outbox_frames::add(const kafka_encoded_record& record) {
  const std::string_view* const key = record.key ? &*record.key : nullptr;
  const std::string_view* const value = record.value ? &*record.value : nullptr;
  headers_.clear();
  if (record.headers) take_headers(*record.headers);
  const uint64_t place = record.place ? static_cast<uint64_t>(*record.place) : next_place_++ / kafka_records_of_a_place;
  const auto partition = static_cast<uint32_t>(place % writers_.size());

  const size_t size = kafka_batch_writer::record_size(key, value, headers_);
  if (size > static_cast<size_t>(options_.record_bytes))
    return kafka_write_failure(kafka_error::message_too_large, "a record of " + std::to_string(size) + " bytes for the topic " + topic_);
  kafka_batch_writer& into = writers_[partition];
  const auto most = static_cast<size_t>(std::min(options_.batch_bytes, options_.record_bytes));
  if (into.records() > 0 && into.record_bytes() + size > most) SYSTOLE_TRY(append(partition));
  if (held_bytes_ + size > limits::kafka_request_bytes) SYSTOLE_TRY(flush());
  const size_t before = into.record_bytes();
  into.add(key, value, headers_);
  held_bytes_ += into.record_bytes() - before;
  return {};
}

result<void> kafka_outbox_frames::append(uint32_t partition) {
  kafka_batch_writer& from = writers_[partition];
  const auto records = static_cast<uint64_t>(from.records());
  held_bytes_ -= from.record_bytes();
  SYSTOLE_ASSIGN(kafka_batch_writer::batch made,
                 from.finish(system_clock().now_us() / 1000, options_.codec, options_.compression_level, std::move(spare_)));
  std::memcpy(made.bytes.data() + epoch_outbox::frame_head_bytes, &partition, sizeof partition);
  std::memcpy(made.bytes.data() + epoch_outbox::frame_head_bytes + sizeof partition, &made.body_crc, sizeof made.body_crc);
  const std::string_view whole = std::string_view(made.bytes).substr(epoch_outbox::frame_head_bytes);
  const size_t body = whole.size() - prefix_bytes - kafka_batch::head_size;
  SYSTOLE_TRY(into_.append_frame(made.bytes, records, crc32c_joined(crc32c(whole.substr(0, whole.size() - body)), made.body_crc, body)));
  spare_ = std::move(made.bytes);
  return {};
}

result<void> kafka_outbox_frames::flush() {
  for (uint32_t partition = 0; partition < writers_.size(); ++partition)
    if (writers_[partition].records() > 0) SYSTOLE_TRY(append(partition));
  return {};
}

result<kafka_framed_batch> read_kafka_frame(outbox_frame frame) {
  kafka_framed_batch made;
  if (frame.size > prefix_bytes) {
    char* const bytes = frame.bytes.get();
    std::memcpy(&made.partition, bytes, sizeof made.partition);
    std::memcpy(&made.batch.body_crc, bytes + sizeof made.partition, sizeof made.batch.body_crc);
    made.batch.bytes = bytes + prefix_bytes;
    made.batch.size = frame.size - prefix_bytes;
    made.batch.records = kafka_batch_records({made.batch.bytes, made.batch.size});
  }
  if (made.batch.records == 0)
    return fail(error_code::incompatible,
                "the outbox has rows of an older version, which are owed to the topic: run that version until its next checkpoint, then this one");
  made.batch.owner = std::move(frame.bytes);
  return made;
}

}  // namespace systole
