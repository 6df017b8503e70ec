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

/// Makes one record batch of a partition (format: https://kafka.apache.org/documentation/#recordbatch). One thread.
class kafka_batch_writer {
 public:
  using header = std::pair<std::string_view, const std::string_view*>;  ///< null: a header without a value

  kafka_batch_writer();
  /// `key`, `value`: null where the record has none.
  void add(const std::string_view* key, const std::string_view* value, const std::vector<header>& headers);
  int32_t records() const { return records_; }
  size_t bytes() const { return bytes_.size(); }
  /// Ends it, with all its records at `now_ms`; the writer begins anew, in the memory of `spare`.
  result<std::string> finish(const kafka_producer_stamp& by, int64_t now_ms, kafka_codec codec, int level, std::string spare = {});

  /// The most that a record takes beside the bytes of its key, value and headers.
  static size_t record_size(const std::string_view* key, const std::string_view* value, const std::vector<header>& headers);

 private:
  std::string bytes_;  ///< with room for the head
  int32_t records_ = 0;
};

}  // namespace systole
