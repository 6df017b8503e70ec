#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kafka/compression.h"

namespace systole {

/// Who writes a batch, and as which of its batches for a partition.
struct kafka_producer_stamp {
  int64_t producer = -1;
  int16_t epoch = -1;
  int32_t first_sequence = -1;
  bool transactional = false;
};

/// Makes record batches of a partition, one after another (format: https://kafka.apache.org/documentation/#recordbatch). They
/// have no stamp, so that they can wait for a producer. One thread.
class kafka_batch_writer {
 public:
  using header = std::pair<std::string_view, const std::string_view*>;  ///< null: a header without a value
  struct batch {
    std::string bytes;      ///< behind the room
    uint32_t body_crc = 0;  ///< CRC-32C of what is behind the batch's head
  };

  /// `room`: bytes left free before each batch.
  explicit kafka_batch_writer(size_t room = 0);
  /// `key`, `value`: null where the record has none.
  void add(const std::string_view* key, const std::string_view* value, const std::vector<header>& headers);
  int32_t records() const { return records_; }
  size_t record_bytes() const { return bytes_.size() - begin_; }  ///< of the records so far
  /// Ends a batch, with all its records at `now_ms`; the next begins in the memory of `spare`.
  result<batch> finish(int64_t now_ms, kafka_codec codec, int level, std::string spare = {});

  /// The most that a record takes beside the bytes of its key, value and headers.
  static size_t record_size(const std::string_view* key, const std::string_view* value, const std::vector<header>& headers);

 private:
  size_t begin_;       ///< of the records, behind the room and the head
  std::string bytes_;
  int32_t records_ = 0;
};

/// The number of records in a whole batch; 0 where it is none of this form.
int32_t kafka_batch_records(std::string_view batch);
/// Puts the stamp into a whole batch, and its checksum right. `body_crc`: see kafka_batch_writer::batch.
void stamp_kafka_batch(char* batch, size_t size, const kafka_producer_stamp& by, uint32_t body_crc);

}  // namespace systole
