#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/buffer_pool.h"
#include "base/result.h"
#include "kafka/compression.h"
#include "kafka/protocol.h"

namespace systole {

/// One record, as it lies in its set's block(); the views are good until the set gives the next one.
struct kafka_record {
  char* begin = nullptr;  ///< of at least 6 bytes, the first of all that follow
  int64_t offset = 0;
  int64_t timestamp_ms = -1;  ///< the producer's or the log's, as the topic has it; below 0: none
  std::string_view key, value;
  bool has_key = false, has_value = false;  ///< else null
  std::string_view headers;                 ///< as they are on the wire

  /// The last header of this name; nothing where there is none, or it is null.
  std::optional<std::string_view> header(std::string_view name) const;
};

/// Record batches of one partition, as a broker's answer has them, record by record
/// (format: https://kafka.apache.org/documentation/#recordbatch). Records of aborted transactions and the marks of
/// transactions are left out, and those before the offset that was asked for. One thread.
class kafka_record_set {
 public:
  kafka_record_set() = default;
  /// `batches` lie in `block` and are those that kafka_whole_batches() found whole. `pool`: for what is compressed.
  kafka_record_set(kafka_block block, std::string_view batches, std::vector<kafka_aborted> aborted, int64_t from,
                   bool check_crcs, buffer_pool& pool);

  /// False at the end, and where problem() says what these bytes are instead of records (`corrupt`, `incompatible`; its text
  /// does not know the topic).
  bool next(kafka_record& into) {
    while (true) {
      while (left_ > 0) {
        --left_;
        read_record(into);
        if (problem_) return false;
        if (into.offset >= from_) return true;
      }
      if (!open_batch()) return false;
    }
  }
  const std::optional<failure>& problem() const { return problem_; }
  /// What the last record lies in; its bytes are the reader's to change.
  const kafka_block& block() const { return unpacked_.bytes ? unpacked_ : block_; }

 private:
  bool open_batch();
  void read_record(kafka_record& into);
  void end_with(failure problem);
  void read_mark(int64_t producer, std::string_view records);
  bool is_aborted(int64_t producer, int64_t last_offset);

  kafka_block block_;
  std::string_view rest_;  ///< batches that were not begun
  std::vector<kafka_aborted> aborted_;
  size_t begun_aborts_ = 0;  ///< of aborted_, in the order of first_offset
  std::vector<int64_t> aborting_;
  int64_t from_ = 0;
  bool check_crcs_ = false;
  buffer_pool* pool_ = nullptr;

  kafka_block unpacked_;      ///< of the open batch, where it was compressed
  std::string_view records_;  ///< left of the open batch
  int32_t left_ = 0, last_delta_ = 0;
  int64_t base_offset_ = 0, base_timestamp_ms_ = 0;
  bool log_append_time_ = false;  ///< all records have base_timestamp_ms_
  std::optional<failure> problem_;
};

/// Where batches end: the bytes of the whole ones, and the offset behind their last record. `corrupt` for lengths that
/// cannot be.
struct kafka_batch_extent {
  size_t bytes = 0;
  int64_t next_offset = -1;  ///< below 0: there is no whole batch
};
result<kafka_batch_extent> kafka_whole_batches(std::string_view batches);

}  // namespace systole
