#pragma once

#include <string_view>
#include <vector>

#include "operators/row_projection.h"

namespace systole {

/// One input of a join as its expressions see it.
struct join_input {
  schema columns;
  std::string alias;
  /// Names by which the input's own expressions (keys, time) may call its columns: qualified or not.
  expression_scope scope(const operator_context& context) const { return step_scope(columns, context, alias); }
};

/// The result expressions of a join, bound to a compact batch: only those columns of the left side that they read, then
/// those of the right side. What they do not read is neither stored nor gathered.
struct join_columns {
  row_projection results;    ///< the output columns over the compact batch, with `condition` where it was asked for
  expression_ptr condition;  ///< the residual over the compact batch, where it was not made part of `results`
  std::vector<int> left;     ///< columns of the left schema in the compact batch, ascending
  std::vector<int> right;
};

/// Binds a join's residual and fields. `condition_in_results`: rows that fail the residual are simply left out.
/// `rule`: row_projection's.
result<join_columns> bind_join_columns(const operator_context& context, std::string_view rule, const join_input& left,
                                       const join_input& right, const proto::Expression& residual,
                                       bool condition_in_results,
                                       const google::protobuf::RepeatedPtrField<proto::NamedExpression>& fields,
                                       const proto::Schema& output_columns);

/// Binds the key expressions of one side.
result<std::vector<expression_ptr>> bind_join_keys(const operator_context& context, const join_input& side,
                                                   const google::protobuf::RepeatedPtrField<proto::Expression>& keys);

/// The keys of one side's batch: canonical bytes, NULLs, and the rows that failed (rejected, keep[row] = 0).
class join_keys {
 public:
  explicit join_keys(std::vector<expression_ptr> expressions) : expressions_(std::move(expressions)) {}
  const encoded_keys& encode(const batch& rows, const evaluation_context& evaluation, std::vector<uint8_t>& keep,
                             output& out);
  const encoded_keys& encoded() const { return keys_; }
  /// For state descriptors.
  std::string fingerprint() const;

 private:
  std::vector<expression_ptr> expressions_;
  encoded_keys keys_;
};

}  // namespace systole
