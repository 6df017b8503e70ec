#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/kafka/kafka_value_lines.h"
#include "formats/record_decoder.h"
#include "kafka/record_set.h"
#include "proto/plan.pb.h"

namespace systole {

/// Decodes the records of one partition as one batch of columns.
///
/// Values become lines that are decoded at once, as a file's are, and that the columns' texts point into
/// (kafka_value_lines). What is beside the value (key, headers, time) is kept only where a column reads it.
class kafka_record_batch {
 public:
  /// `invalid_argument` for columns that the format cannot hold.
  static result<std::unique_ptr<kafka_record_batch>> make(const proto::Source& source, size_t capacity);

  /// Adds a record that lies in `block`, and may overwrite it. REQUIRES: records() < capacity; all of a batch are of one partition.
  result<void> add(const kafka_record& record, const kafka_block& block, uint32_t partition);
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
    kafka_value_lines::line line;
    int64_t offset = 0;
    int64_t timestamp_us = 0;
    bool has_timestamp = false, tombstone = false;
  };

  kafka_record_batch(const proto::Source& source, size_t capacity);
  result<void> decode_lines();
  void keep_beside(const kafka_record& record, entry& made);
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

  kafka_value_lines lines_;
  size_t added_ = 0, tombstones_ = 0;
  uint64_t bytes_ = 0;
  uint32_t partition_ = 0;
  std::vector<entry> entries_;
  std::vector<text_range> texts_;     ///< text_columns_ for each entry
  std::string beside_bytes_;
  std::vector<rejected_record> rejects_;
  std::deque<std::string> reject_raws_;  ///< until the next take()
};

}  // namespace systole
