#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes a validation step. A row passes a rule only when its check is TRUE. Rules are evaluated over whole batches, in
/// order.
///
/// Reject: a row that violates any rule becomes one dead-letter row: rule = all violated ids joined with ';', reason = each
/// "id: message" (or the id alone) joined with "; ". A check that fails with an error is violated; its message is the
/// error's and the row carries its SQLSTATE.
///
/// Flag: each row gets the violated ids joined with the separator, or the word for none, in the flag column, which is
/// appended, or overwritten where the input has it. A violated rule's repairs replace values in that row only, all computed
/// from the row before the rule; later rules see them. A row on which a check or repair fails is rejected as
/// "expression", for its flags would not be known.
result<std::unique_ptr<stream_operator>> make_validate(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                       const operator_context& context);

}  // namespace systole
