#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "operators/operator.h"
#include "operators/stored_row.h"

namespace systole {

/// The rows of one side of a regular join, each with how often it is there: key -> hash of the row -> count, matches on
/// the other side (where an outer join needs them), last write (with a TTL), hidden values, and the columns that the
/// join's results read. Rows whose read columns are equal are one entry. On append-only inputs equal rows of different
/// event times are different; a retraction's event time may be another than its row's, so there it is the latest one.
/// A count may be below zero while a retraction is ahead of its row.
class multiset_rows {
 public:
  static constexpr size_t collision_limit = 16;  ///< different rows of one key with one hash
  static constexpr uint64_t sweep_rows = 4096;   ///< tables with fewer rows are not swept for expired ones

  struct options {
    std::vector<int> columns;  ///< of the side's schema that results read
    bool append_only = false;
    bool counts_matches = false;
    int64_t ttl_us = 0;  ///< 0 = for ever
  };
  struct entry {
    int64_t count = 0;
    int64_t matches = 0;
    timestamp_us written = watermark_none;  ///< only with a TTL
    hidden_values hidden;
    std::string_view row;
  };

  multiset_rows(const schema& side, options of);
  result<void> open(const operator_context& context, const std::string& role, const std::string& fingerprint);
  const row_layout& layout() const { return layout_; }

  /// Names the batch that change() takes rows from, until release().
  void bind(const batch& rows);
  void release() { bound_ = batch(); }
  void prefetch(const encoded_keys& keys) { table_->prefetch(keys); }

  /// Adds `delta` to the count of a row of the bound batch, whose matches are then `matches`. Nothing is kept of a row
  /// whose count is zero. `now`: the time of the write.
  result<void> change(std::string_view key, uint64_t hash, uint32_t row, int64_t delta, int64_t matches,
                      timestamp_us now);
  /// Visits a key's values with subkeys >= from. For map_table's visitor; read them with entries().
  result<void> scan(std::string_view key, uint64_t hash, std::string_view from, const map_table::visitor& visit) {
    return table_->scan(key, hash, from, {}, visit);
  }
  /// The entries of one value, expired ones too, valid until the next call.
  result<std::span<const entry>> entries(std::string_view value);
  bool expired(const entry& of, timestamp_us now) const {
    return options_.ttl_us > 0 && add_saturating(of.written, options_.ttl_us) <= now;
  }
  /// Adds to the matches of one entry and returns what they were.
  result<int64_t> add_matches(std::string_view key, uint64_t hash, std::string_view subkey, size_t index,
                              int64_t delta);
  /// With a TTL: removes expired rows, once the table has twice the rows that the last sweep left.
  result<void> expire(timestamp_us watermark);

 private:
  void encode(const std::vector<entry>& entries);

  options options_;
  row_layout layout_;
  row_encoder encoder_;
  map_table* table_ = nullptr;
  uint64_t next_sweep_ = sweep_rows;
  batch bound_;
  std::vector<entry> entries_;
  std::string row_, subkey_, value_, old_value_;
};

}  // namespace systole
