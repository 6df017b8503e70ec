#pragma once

#include "data/row_encoding.h"
#include "operators/order_key.h"
#include "operators/over/over_segment.h"
#include "operators/stored_row.h"

namespace systole {

/// Finds the place of a batch's rows in their partitions: gives each new row its subkey, and finds the stored row that
/// a retraction takes away: one of the same order key and kept columns, that of the same position where there is one (a
/// retraction may carry another position than its row), else the first. A retraction without a row is owed: the row
/// cancels it when it comes.
class over_changes {
 public:
  over_changes(over_store store, const order_key& order, const row_encoder& kept)
      : store_(store), order_(order), kept_(kept) {}

  /// The batch that rows are taken from, with its evaluated order expressions; `kept` is bound to its kept columns.
  void bind(const batch& rows, const std::vector<column_ptr>& order_columns) {
    rows_ = &rows;
    order_columns_ = &order_columns;
  }
  /// What the rows (in order of arrival) of one partition do to it; may be empty.
  result<over_segment::changes> resolve(std::string_view key, uint64_t hash, std::span<const uint32_t> rows);

 private:
  result<void> add(uint32_t row);
  struct candidate;
  result<void> retract();
  result<bool> consider(std::string_view subkey, std::string_view value, bool pending, candidate& found) const;
  result<uint32_t> next_ordinal();
  result<bool> settle_owed();
  result<void> owe();
  std::string_view order_only() const { return std::string_view(prefix_).substr(0, prefix_.size() - sizeof(uint128)); }
  std::string owed_subkey() const;

  over_store store_;
  const order_key& order_;
  const row_encoder& kept_;
  const batch* rows_ = nullptr;
  const std::vector<column_ptr>* order_columns_ = nullptr;
  std::string_view key_;
  uint64_t hash_ = 0;
  std::string last_;  ///< the partition's last stored subkey
  over_segment::changes made_;
  std::string prefix_;      ///< the row's order key and position
  std::string kept_bytes_;  ///< its kept columns
};

/// The parts of an over_row's value.
struct over_value {
  hidden_values hidden;  ///< event and ingestion time
  std::string_view kept, running;
};
std::string encode_over_value(const hidden_values& hidden, std::string_view kept, std::string_view running);
result<over_value> decode_over_value(std::string_view bytes);
/// The position that a subkey holds.
uint128 position_of_subkey(std::string_view subkey);

}  // namespace systole
