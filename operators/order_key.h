#pragma once

#include <string>
#include <vector>

#include "operators/step_expressions.h"

namespace systole {

/// ORDER BY of a step: expressions, then the row's position. Encoded so that memcmp orders as PostgreSQL's ORDER BY.
class order_key {
 public:
  static result<order_key> make(const google::protobuf::RepeatedPtrField<proto::OrderBy>& order,
                                const expression_scope& scope, const operator_context& context);
  const std::vector<expression_ptr>& expressions() const { return expressions_; }
  /// Appends the key of a row. `columns`: the evaluated expressions().
  void append(std::string& out, const std::vector<column_ptr>& columns, const batch& rows, size_t row) const;
  /// For the state's fingerprint.
  std::string fingerprint() const;

 private:
  struct direction {
    bool descending;
    bool nulls_first;
  };
  std::vector<expression_ptr> expressions_;
  std::vector<direction> directions_;
};

}  // namespace systole
