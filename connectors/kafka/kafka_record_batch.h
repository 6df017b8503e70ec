#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/buffer_pool.h"
#include "connectors/kafka/kafka_client.h"
#include "formats/record_decoder.h"
#include "proto/plan.pb.h"

namespace systole {

/// Decodes the records of one partition as one batch of columns.
///
/// Values are laid one behind the other, a line each, into a window that is decoded at once as a file's is, and that the
/// columns' texts point into: see docs/decisions/0008-kafka-source.md on why they do not point into the library's
/// messages, which are freed at once. A line break within a JSON value becomes a carriage return while it is decoded, so
/// that a record is a line. What is beside the value (key, headers, time) is kept only where a column reads it.
class kafka_record_batch {
 public:
  /// `invalid_argument` for columns that the format cannot hold.
  static result<std::unique_ptr<kafka_record_batch>> make(const proto::Source& source, size_t capacity);

  /// Adds a record; the message is not needed afterwards. REQUIRES: records() < capacity.
  result<void> add(const rd_kafka_message_s& message);
  /// Records added, tombstones that are skipped among them.
  size_t records() const { return added_; }

  struct taken {
    decoded_records decoded;  ///< all columns of the source in its order; offsets are the broker's
    size_t tombstones = 0;    ///< skipped
    uint64_t bytes = 0;       ///< of values
  };
  /// Ends the batch.
  result<taken> take();

 private:
  /// A column that is not in the value.
  struct beside {
    size_t column = 0;  ///< of the source
    proto::SourceColumn::KafkaPart part{};
    data_type type;
    bool not_null = false;
    std::string name;    ///< of the column
    std::string header;
  };
  /// A text beside a value, in beside_bytes_.
  struct text_range {
    size_t begin = 0, size = 0;
    bool is_null = true;
  };
  struct entry {
    uint64_t begin = 0;  ///< of its line, counted over all windows of the batch
    int64_t offset = 0;
    int64_t timestamp_us = 0;
    bool has_timestamp = false, tombstone = false;
  };

  kafka_record_batch(const proto::Source& source, size_t capacity);
  void start_window(size_t line);
  result<void> decode_window();
  void keep_beside(const rd_kafka_message_s& message, entry& made);
  void reject(const entry& about, std::string_view raw, std::string_view reason, std::string_view sqlstate);
  /// Entries of the decoded rows, in their order; offsets of rows and rejects become the broker's.
  std::vector<uint32_t> match(decoded_records& decoded);
  column_ptr build(const beside& what, size_t at, const std::vector<uint32_t>& rows) const;
  void reject_nulls(decoded_records& decoded, const std::vector<column_ptr>& made, const std::vector<uint32_t>& rows,
                    std::vector<uint32_t>& kept);

  std::unique_ptr<record_decoder> decoder_;
  std::string topic_;
  size_t capacity_, columns_;
  bool json_, keep_raw_, wants_tombstones_ = false, wants_time_ = false;
  std::vector<beside> beside_;        ///< those that are not in the value
  std::vector<size_t> texts_of_;      ///< of beside_: index among the key and header columns
  size_t text_columns_ = 0;

  buffer_pool pool_;
  std::shared_ptr<char[]> window_;
  size_t window_size_ = 0, window_space_ = 0;
  uint64_t window_begin_ = 0;         ///< in lines of the whole batch
  std::vector<size_t> line_breaks_;   ///< in the window: within values
  std::vector<std::pair<std::shared_ptr<char[]>, std::vector<size_t>>> broken_windows_;

  size_t added_ = 0, tombstones_ = 0;
  uint64_t bytes_ = 0;
  int32_t partition_ = 0;
  std::vector<entry> entries_;
  std::vector<text_range> texts_;     ///< text_columns_ for each entry
  std::string beside_bytes_;
  std::vector<rejected_record> rejects_;
  std::deque<std::string> reject_raws_;  ///< until the next take()
};

}  // namespace systole
