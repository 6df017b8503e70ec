#pragma once

#include <cstdint>
#include <vector>

#include "data/batch.h"
#include "expr/expression.h"

namespace systole {

/// Why a row fails: a constant, so that failing costs no allocation. Compared by address.
struct row_failure {
  const char* sqlstate;
  const char* reason;  ///< names no value of the record
};

/// The failures that kernels of several families share; SQLSTATEs as in PostgreSQL's errcodes.txt.
namespace failures {
inline constexpr row_failure division_by_zero{"22012", "division by zero"};
inline constexpr row_failure integer_range{"22003", "integer out of range"};
inline constexpr row_failure bigint_range{"22003", "bigint out of range"};
inline constexpr row_failure numeric_range{"22003",
                                           "numeric out of range (at most 38 digits, or the column's precision)"};
inline constexpr row_failure float_overflow{"22003", "value out of range: overflow"};
inline constexpr row_failure float_underflow{"22003", "value out of range: underflow"};
inline constexpr row_failure timestamp_range{"22008", "timestamp out of range"};
inline constexpr row_failure date_range{"22008", "date out of range"};
inline constexpr row_failure interval_range{"22008", "interval out of range"};
inline constexpr row_failure field_range{"22008", "date/time field value out of range"};
inline constexpr row_failure not_a_numeric{"0A000", "NaN and infinity are not supported as numeric"};
inline constexpr row_failure infinite_time{"0A000", "infinity is not supported as date or timestamp"};
inline constexpr row_failure text_too_long{"54000", "the text would be longer than 16 MiB"};
inline constexpr row_failure unknown_zone{"22023", "time zone not recognized"};
inline constexpr row_failure unknown_unit{"22023", "unknown or unsupported field of a date, time or interval"};
}  // namespace failures

/// The rows to compute: all of [0, size), or the listed ones.
struct selection {
  const uint32_t* rows = nullptr;  ///< ascending; nullptr means all
  size_t count = 0;                ///< of selected rows
  size_t size = 0;                 ///< of the batch

  static selection everything(size_t size) { return {nullptr, size, size}; }
  static selection of(const std::vector<uint32_t>& rows, size_t size) {
    // An empty vector may have no data, which would mean all rows.
    static constexpr uint32_t nothing = 0;
    return {rows.empty() ? &nothing : rows.data(), rows.size(), size};
  }
  bool all() const { return rows == nullptr; }

  template <class Visitor>
  void for_each(const Visitor& visit) const {
    if (rows) {
      for (size_t i = 0; i < count; ++i) visit(static_cast<size_t>(rows[i]));
    } else {
      for (size_t i = 0; i < size; ++i) visit(i);
    }
  }
};

/// One run of an expression over one batch: its inputs and the failures so far, in evaluation order.
class evaluation {
 public:
  evaluation(const batch& input, const evaluation_context& context) : input_(input), context_(context) {}
  const batch& input() const { return input_; }
  const evaluation_context& context() const { return context_; }
  /// A row may fail more than once: the first failure counts.
  void fail(size_t row, const row_failure& why) { failures_.push_back({static_cast<uint32_t>(row), &why}); }

  struct failed_row {
    uint32_t row;
    const row_failure* why;
  };
  std::vector<failed_row>& failures() { return failures_; }

 private:
  const batch& input_;
  const evaluation_context& context_;
  std::vector<failed_row> failures_;
};

}  // namespace systole
