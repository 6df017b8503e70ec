#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/batch.h"

namespace systole {

/// Version of the row encoding; part of every state descriptor (docs/format/row_encoding.md, golden file).
inline constexpr uint32_t row_encoding_version = 1;

/// Which parts of a row a state entry keeps. Reading takes the layout that was written with.
struct row_layout {
  std::vector<data_type> types;  ///< visible columns, in order
  bool event_time = false;
  bool ingestion_time = false;
  bool position = false;
};

/// The layout of a batch: its column types and which of event time, ingestion time and position it has.
row_layout layout_of(const batch& rows);

/// Appends one row: a null bitmap, fixed-width values, varint-length texts.
void append_row(std::string& out, const row_layout& layout, const batch& rows, size_t row);

/// Rebuilds batches from encoded rows, column by column.
class row_decoder {
 public:
  row_decoder(row_layout layout, size_t capacity);
  size_t size() const { return rows_; }
  bool full() const { return rows_ == capacity_; }
  /// Decodes one row (copying text); `corrupt` where the bytes do not match the layout.
  result<void> append(std::string_view encoded);
  /// The rows so far; the decoder starts anew.
  batch finish();

 private:
  void start();
  row_layout layout_;
  size_t capacity_;
  size_t rows_ = 0;
  std::vector<column_builder> builders_;
};

}  // namespace systole
