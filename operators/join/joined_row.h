#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "operators/stored_row.h"

namespace systole {

/// What a join with a changing table keeps of a stream's key (docs/format/join_state.md).
struct joined_row {
  bool has_key = false;   ///< else the row joins nothing: a key of it is NULL
  bool emitted = false;   ///< `result` is downstream
  hidden_values hidden;
  std::string_view table_key;
  std::string_view row;     ///< the stream's columns that results read
  std::string_view result;  ///< the output columns, where emitted
};

void append_joined_row(std::string& out, const joined_row& row);
/// The views point into `bytes`. `corrupt` where they do not fit.
result<joined_row> read_joined_row(std::string_view bytes);

}  // namespace systole
