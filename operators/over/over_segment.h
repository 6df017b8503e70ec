#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "operators/operator.h"

namespace systole {

/// One stored row of a partition, or one that a batch adds to it or takes from it.
struct over_row {
  std::string subkey;      ///< order key, position, ordinal
  std::string value;       ///< see over_store
  bool before = true;      ///< it is in the partition before the change
  bool after = true;       ///< and after it
  bool emitted = false;    ///< its result may change; else it is there for its neighbours
  bool recompute = false;  ///< its running values may change
};

/// What a step keeps of each row, in two tables. rows: partition -> order key, position (16 bytes) and ordinal (4
/// bytes, big endian: tells rows of one order key and position apart by arrival) -> hidden values, kept columns (with
/// their length), running values. owed: retractions that came before their rows: partition -> hash of order key and
/// kept columns -> count.
struct over_store {
  static constexpr size_t ordinal_bytes = 4;
  map_table* rows = nullptr;
  map_table* owed = nullptr;
};

/// How far a change reaches.
struct over_reach {
  size_t rows_before = 0;  ///< lag: a row sees so many rows before it
  size_t rows_after = 0;   ///< lead
  bool running = false;    ///< values depend on all rows before
};

/// The part of one partition that a batch's changes affect, read piece by piece: from the rows whose lead may change to
/// those whose lag may, or where there are running values to the partition's end (or until they no longer change).
class over_segment {
 public:
  /// Rows that the batch adds (after) or takes (before), by subkey; not empty.
  using changes = std::map<std::string, over_row, std::less<>>;

  over_segment(over_store store, over_reach reach, std::string_view key, uint64_t hash, changes changed)
      : store_(store), reach_(reach), key_(key), hash_(hash), changes_(std::move(changed)) {}

  /// Appends the next piece to `into`: about `limit` rows to be emitted, with the neighbours that they need on both
  /// sides. The rows of the piece before must have been finished.
  result<void> read(size_t limit, std::vector<over_row>& into);
  /// Stores what became of the rows of the last piece (`first` is its first one): their values are the new ones,
  /// `changed` tells per row whether running values differ from the stored ones.
  result<void> finish(over_row* first, size_t rows, const std::vector<uint8_t>& changed);
  bool done() const { return done_; }

 private:
  result<void> read_before(std::vector<over_row>& into);
  result<void> read_forward(size_t limit, std::vector<over_row>& into);
  bool take(over_row row, size_t limit, std::vector<over_row>& into);

  over_store store_;
  over_reach reach_;
  std::string key_;
  uint64_t hash_;
  changes changes_;
  bool begun_ = false;
  bool done_ = false;
  std::string cursor_;             ///< rows at or behind it come next
  std::vector<over_row> context_;  ///< of the piece before, for the next one
  size_t changes_left_ = 0;
  size_t settled_ = 0;  ///< unchanged rows since the last change
  // Of the piece that is being read.
  size_t to_emit_ = 0;
  size_t ahead_ = 0;
  bool closed_ = false;  ///< only rows for their neighbours follow
};

}  // namespace systole
