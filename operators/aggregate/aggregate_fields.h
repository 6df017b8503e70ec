#pragma once

#include <vector>

#include "operators/step_expressions.h"

namespace systole {

/// Turns key and call columns of groups into the step's output columns.
class aggregate_fields {
 public:
  /// `columns`: those of keys and calls. Without fields in the step they are the output.
  static result<aggregate_fields> make(const proto::Node& node, const schema& columns, const operator_context& context);

  /// The output columns of all rows of `inputs`; only rows with `has` = 1 are evaluated. A row on which a field fails, or
  /// that is in `errors` already, gets has = 0; with `report` it goes to the dead letter as a failed result.
  std::vector<column_ptr> project(const batch& inputs, std::vector<uint8_t>& has, std::vector<row_error> errors,
                                  output* report) const;
  /// True where all fields are columns, so that a row changes exactly where its inputs do.
  bool bare() const { return bare_; }
  std::vector<data_type> types() const;

 private:
  std::vector<expression_ptr> fields_;
  bool bare_ = true;
  operator_context context_;
};

}  // namespace systole
