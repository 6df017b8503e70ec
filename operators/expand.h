#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes an expansion. With branches: every branch whose `when` is TRUE (or absent) gives one row of its fields, in the
/// order of rows and then of branches; a row without any is unmatched. An error in any branch rejects the whole row.
///
/// With a series: one row per value of generate_series(from, to, step) over INT, BIGINT, DATE (step in days, or an interval
/// of whole days) or TIMESTAMPTZ, as PostgreSQL's: a NULL bound or an empty range gives no row (unmatched), a step of zero
/// is 22023. It emits as the output has room. Fields that fail on one value lose that row only (a failed result).
///
/// The branch's or value's number goes into the hidden position, so that the rows of one source row keep their order; past
/// 65,535 they share the last number.
result<std::unique_ptr<stream_operator>> make_expand(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                     const operator_context& context);

/// The series form; called by make_expand.
result<std::unique_ptr<stream_operator>> make_expand_series(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                            const operator_context& context);

}  // namespace systole
