#pragma once

#include <string>
#include <vector>

#include "data/row_encoding.h"
#include "operators/row_projection.h"

namespace systole {

/// Rows of one or more partitions, in order, for computing window functions over them. A row may be in the partition
/// before a change, after it, or both.
struct over_rows {
  std::vector<uint32_t> begins;        ///< where each partition's rows begin, and the end of the last one
  std::vector<uint8_t> before, after;  ///< per row
  /// Per row: 1 where running values after the change have to be computed; else the stored ones hold.
  std::vector<uint8_t> recompute;
  batch kept;     ///< the columns of over_calls::kept_types()
  batch running;  ///< the stored running values, NULL for new rows
  size_t size() const { return before.size(); }
};

/// The calls of an OVER step. The frame is PostgreSQL's default, from the partition's first row to the current one;
/// since rows are ordered by position in the end, no two rows are peers. So last_value is the current row's value, and
/// first_value and the running aggregates depend on the rows before: their values are stored with each row, so that a
/// row at the partition's end costs nothing but the one before it. lag and lead are read from the neighbours.
class over_calls {
 public:
  /// Rows that lag and lead may look away.
  static constexpr int64_t offset_limit = 10'000;

  /// Binds calls and fields. Fields see the input's columns and the calls' names.
  static result<over_calls> bind(const proto::Node& node, const schema& input, const operator_context& context);

  /// What is kept of an input row: the columns that fields read, and the calls' arguments and defaults.
  const std::vector<expression_ptr>& kept() const { return kept_; }
  row_layout kept_layout() const;
  row_layout running_layout() const;
  std::string fingerprint() const;
  /// The farthest rows before and after the current one that a call looks at.
  size_t rows_before() const { return rows_before_; }
  size_t rows_after() const { return rows_after_; }
  bool has_running() const { return !running_types_.empty(); }

  /// The calls' values, before and after the change, and the running values after it. The rows whose sums are out of
  /// range have failed. The values of rows that are not there are unspecified.
  struct values {
    std::vector<column_ptr> before, after;
    std::vector<column_ptr> running;
    std::vector<row_error> failed_before, failed_after;
  };
  values compute(const over_rows& rows) const;
  /// The output columns: fields over kept columns and the calls' values.
  const row_projection& results() const { return results_; }

 private:
  enum class function { lag, lead, first_value, last_value, row_number, count, max, min, sum };
  struct call {
    function what;
    int argument = -1;       ///< index in kept_; -1: none
    int default_value = -1;  ///< index in kept_; -1: NULL
    size_t offset = 0;       ///< lag, lead
    data_type type;
    int running = -1;  ///< index of its value in the running columns; sum's is followed by "out of range"
  };
  static result<function> function_of(const proto::OverCall& plan, const operator_context& context);
  result<call> bind_call(const proto::OverCall& plan, const expression_scope& scope, const operator_context& context);
  int keep(expression_ptr expression);
  column_ptr neighbours(const call& of, const over_rows& rows, const std::vector<uint8_t>& present) const;
  void run(const call& of, const over_rows& rows, values& into) const;

  std::vector<expression_ptr> kept_;
  std::vector<call> calls_;
  std::vector<data_type> running_types_;
  size_t rows_before_ = 0, rows_after_ = 0;
  row_projection results_;
};

}  // namespace systole
