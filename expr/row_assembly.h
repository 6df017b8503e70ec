#pragma once

#include "expr/column_edit.h"
#include "expr/node.h"

namespace systole {

/// Puts a column together from rows of several others: what CASE and COALESCE do. Rows that nobody gives are zero.
class row_assembly {
 public:
  row_assembly(data_type type, const selection& rows) : builder_(type, rows.size), size_(rows.size) {
    builder_.set_size(rows.size);
    if (!rows.all()) clear_values(builder_, rows.size);
  }

  /// Copies the selected rows; text points into the operand's buffers.
  void take(const operand& from, const selection& rows);
  void take_null(const selection& rows);
  /// Copies the row `index[row]` of the constants for each selected row whose index is not negative.
  void take_indexed(const column& constants, const int32_t* index, const selection& rows);
  column_ptr finish() { return builder_.finish(); }

 private:
  template <class T>
  void copy(const operand& from, const selection& rows);
  column_builder builder_;
  size_t size_;
};

}  // namespace systole
