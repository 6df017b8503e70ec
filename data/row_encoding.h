#pragma once

#include <array>
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
  friend bool operator==(const row_layout&, const row_layout&) = default;
};

/// The layout of a batch: its column types and which of event time, ingestion time and position it has.
row_layout layout_of(const batch& rows);

/// Where the bytes of one layout are: computed once, used for every row. Immutable.
class row_plan {
 public:
  explicit row_plan(const row_layout& layout);

  /// One column of the layout, visible ones first, then event time, ingestion time, position.
  struct cell {
    data_type type;
    int visible = -1;     ///< index of the visible column, or -1
    hidden which{};       ///< where visible is -1
    uint32_t offset = 0;  ///< of its fixed-width value in the row; 0 for text and bytea
    uint8_t bytes = 0;    ///< of its fixed-width value: the value's width, 8 for NUMERIC of up to 18 digits,
                          ///< 17 for plain NUMERIC
  };
  const std::vector<cell>& cells() const { return cells_; }
  /// Bytes of the null bitmap and of all fixed-width values.
  size_t fixed_bytes() const { return fixed_bytes_; }

 private:
  std::vector<cell> cells_;
  size_t fixed_bytes_ = 0;
};

/// Encodes rows of one layout: a null bitmap, fixed-width values, varint-length texts. Make one per table, bind() it to
/// each batch, then append() rows in any order.
class row_encoder {
 public:
  explicit row_encoder(const row_layout& layout) : plan_(layout), columns_(plan_.cells().size()) {}
  /// REQUIRES: the batch has the layout's columns. It must outlive the calls of append().
  void bind(const batch& rows);
  void append(std::string& out, size_t row) const;

 private:
  row_plan plan_;
  std::vector<const column*> columns_;
};

/// Appends one row; for single rows, else use row_encoder.
void append_row(std::string& out, const row_layout& layout, const batch& rows, size_t row);

/// Rebuilds batches from encoded rows, column by column.
class row_decoder {
 public:
  row_decoder(row_layout layout, size_t capacity);
  size_t size() const { return rows_; }
  bool full() const { return rows_ == capacity_; }
  /// Decodes one row (copying text); `corrupt` where the bytes do not match the layout: then the row is not added.
  /// REQUIRES: !full().
  result<void> append(std::string_view encoded);
  /// The rows so far; the decoder starts anew.
  batch finish();

 private:
  void start();
  row_plan plan_;
  size_t capacity_;
  size_t rows_ = 0;
  std::vector<column_builder> builders_;
};

}  // namespace systole
