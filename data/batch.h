#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "data/column.h"

namespace systole {

/// What a row of a changelog does. An append-only stream has no kinds at all. Numbers are part of stored formats.
enum class row_kind : uint8_t {
  insert = 0,         ///< +I
  update_before = 1,  ///< -U
  update_after = 2,   ///< +U
  erase = 3,          ///< -D
};

/// +1 for +I and +U, -1 for -U and -D: operators only look at the sign, pairing is a hint.
constexpr int sign(row_kind kind) { return kind == row_kind::insert || kind == row_kind::update_after ? 1 : -1; }

/// The hidden columns that travel beside the visible ones, so that a projection cannot lose them.
enum class hidden : uint8_t {
  event_time,      ///< TIMESTAMPTZ, may be null: such a row is never late
  ingestion_time,  ///< TIMESTAMPTZ; absent unless the plan reads ingestion_time()
  position,        ///< NUMERIC(38,0) storage: row_position in 128 bits, compares as unsigned
  kind,            ///< BOOLEAN storage: row_kind bytes; present only on changelog edges
  raw,             ///< BYTEA: the record as it came; present only where the dead letter wants it
};
inline constexpr size_t hidden_count = 5;

/// Types of the hidden columns, by `hidden`.
inline constexpr std::array<data_type, hidden_count> hidden_types = {
    data_type{type_id::timestamptz}, data_type{type_id::timestamptz}, data_type{type_id::numeric, 38, 0},
    data_type{type_id::boolean}, data_type{type_id::bytea}};

/// Where a source row came from; orders ties, so that results do not depend on interleaving.
struct row_position {
  uint16_t source = 0;  ///< the source's number in the plan
  uint32_t split = 0;   ///< the file's or partition's number
  uint64_t offset = 0;  ///< byte offset or broker offset; 48 bits
  uint16_t branch = 0;  ///< tells the rows apart that one source row became (expand)

  constexpr uint128 pack() const {
    return static_cast<uint128>(source) << 96 | static_cast<uint128>(split) << 64 | static_cast<uint128>(offset) << 16 |
           branch;
  }
  static constexpr row_position unpack(uint128 packed) {
    return {static_cast<uint16_t>(packed >> 96), static_cast<uint32_t>(packed >> 64),
            static_cast<uint64_t>(packed) >> 16, static_cast<uint16_t>(packed)};
  }
};

/// Rows in columns: visible ones in the schema's order and hidden ones. Cheap to copy (columns are shared);
/// all columns have `rows` rows. The unit that operators take and give.
class batch {
 public:
  batch() = default;
  batch(size_t rows, std::vector<column_ptr> columns) : rows_(rows), columns_(std::move(columns)) {}

  size_t rows() const { return rows_; }
  bool empty() const { return rows_ == 0; }
  const std::vector<column_ptr>& columns() const { return columns_; }
  const column& at(size_t index) const { return *columns_[index]; }
  const column_ptr& share(size_t index) const { return columns_[index]; }

  const column_ptr& hidden_column(hidden which) const { return hidden_[static_cast<size_t>(which)]; }
  void set_hidden(hidden which, column_ptr values) { hidden_[static_cast<size_t>(which)] = std::move(values); }
  bool has(hidden which) const { return hidden_[static_cast<size_t>(which)] != nullptr; }

  /// The kind of a row; `insert` on append-only batches.
  row_kind kind(size_t row) const {
    const column_ptr& kinds = hidden_column(hidden::kind);
    return kinds ? static_cast<row_kind>(kinds->values<uint8_t>()[row]) : row_kind::insert;
  }
  /// True where the row has an event time.
  bool has_event_time(size_t row) const {
    const column_ptr& times = hidden_column(hidden::event_time);
    return times && times->is_valid(row);
  }
  /// REQUIRES: has_event_time(row).
  timestamp_us event_time(size_t row) const { return hidden_column(hidden::event_time)->values<int64_t>()[row]; }
  uint128 position(size_t row) const {
    const column_ptr& positions = hidden_column(hidden::position);
    return positions ? static_cast<uint128>(positions->values<int128>()[row]) : 0;
  }

  /// The same hidden columns with other visible ones of the same number of rows.
  batch with_columns(std::vector<column_ptr> columns) const {
    batch made = *this;
    made.columns_ = std::move(columns);
    return made;
  }
  /// Bytes of all columns, without text outside of them; what credit is counted in.
  size_t memory_bytes() const;

 private:
  friend batch concatenate(std::span<const batch> sources);
  size_t rows_ = 0;
  std::vector<column_ptr> columns_;
  std::array<column_ptr, hidden_count> hidden_{};
};

/// The rows at `rows`, in that order, hidden columns too.
batch gather(const batch& source, std::span<const uint32_t> rows);
/// The same with text copied, so that the result does not keep the source's buffers.
batch gather_copy(const batch& source, std::span<const uint32_t> rows);
batch slice(const batch& source, size_t offset, size_t length);
/// All rows; a hidden column is kept where any source has it (a missing kind is insert, any other missing one null).
batch concatenate(std::span<const batch> sources);

/// "No later row with event time <= W is expected."
inline constexpr timestamp_us watermark_none = std::numeric_limits<int64_t>::min();
inline constexpr timestamp_us watermark_end = std::numeric_limits<int64_t>::max();

}  // namespace systole
