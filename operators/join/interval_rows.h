#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "operators/operator.h"
#include "operators/stored_row.h"

namespace systole {

/// The rows that one side of an interval join keeps: key -> (time, sequence) -> hidden values and the columns that the
/// join's results read, without the time column itself. The subkey is the time in 8 ordered bytes and a varint that
/// tells rows of one key and time apart.
///
/// Rows that nothing can match any more are removed by sweeps and not by timers, which would double the bytes per row:
/// a sweep visits all rows once the table has half as many again as the last one left (and at least sweep_rows) and the
/// oldest of them has expired. So each row is visited about three times in its life, and the table is at most half as
/// large again as it has to be.
class interval_rows {
 public:
  static constexpr uint64_t sweep_rows = 4096;  ///< smaller tables are not swept

  /// `columns`: those of the side's schema that results read. `time_column`: the one that is the row's time, or -1.
  /// A row is of no more use once its time + retention <= watermark. (Retention may be negative: a right row with
  /// lower = 5 minutes needs left rows that are as much older.)
  interval_rows(const schema& side, std::vector<int> columns, int time_column, int64_t retention_us);

  result<void> open(const operator_context& context, const std::string& role, const std::string& fingerprint);
  int64_t retention_us() const { return retention_us_; }

  /// Names the batch that put() takes rows from, until release().
  void bind(const batch& rows);
  void release() { bound_ = batch(); }
  result<void> put(std::string_view key, uint64_t hash, timestamp_us time, uint32_t row);
  void prefetch(const encoded_keys& keys) { table_->prefetch(keys); }
  /// Visits a key's rows with subkeys in [from, to), all after `from` where `to` is empty.
  result<void> scan(std::string_view key, uint64_t hash, std::string_view from, std::string_view to,
                    const map_table::visitor& visit) {
    return table_->scan(key, hash, from, to, visit);
  }
  /// Sweeps if it is due.
  result<void> expire(timestamp_us watermark);

  /// The number that the next row gets; part of the operator's snapshot. A key's rows are in one task, so that after a
  /// change of parallelism the largest number of the old tasks serves all.
  uint64_t sequence() const { return sequence_; }
  void restore_sequence(uint64_t sequence) { sequence_ = std::max(sequence_, sequence); }
  uint64_t size() const { return table_->size(); }

 private:
  friend class interval_matches;
  std::vector<int> columns_;
  std::vector<bool> is_time_;  ///< per column of columns_
  row_layout layout_;          ///< of the columns that are not the time
  int64_t retention_us_;
  row_encoder encoder_;
  map_table* table_ = nullptr;
  uint64_t sequence_ = 0;
  uint64_t next_sweep_ = sweep_rows;
  timestamp_us oldest_ = watermark_none;  ///< no row is older; watermark_none where that is not known
  batch bound_;                           ///< the columns that are stored, and the hidden ones
  std::string subkey_, value_;
};

/// Stored rows that matched, on their way to be columns again.
class interval_matches {
 public:
  interval_matches(const interval_rows& rows, size_t capacity);
  size_t size() const { return hidden_.size(); }
  bool full() const { return size() == capacity_; }
  /// REQUIRES: !full().
  result<void> append(std::string_view subkey, std::string_view value);
  /// The columns that results read of the stored side, and each row's hidden values (event time = the row's time).
  /// Starts anew.
  std::vector<column_ptr> finish(std::vector<hidden_values>& hidden);

 private:
  std::vector<bool> is_time_;
  size_t capacity_;
  row_decoder decoder_;
  std::vector<hidden_values> hidden_;
};

}  // namespace systole
