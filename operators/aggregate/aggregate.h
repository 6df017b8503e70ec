#pragma once

#include <memory>
#include <vector>

#include "operators/factory.h"

namespace systole {

/// Makes a group aggregate. Its output is a changelog of one row per group with a positive row count: +I first, then -U +U
/// when any field changes, -D when the count falls to zero; emit_final gives one row per group at the end instead (append,
/// unless the node says changelog). Rows that it makes have no event time, ingestion time or position: they stand for many.
///
/// By default a batch is added first and then at most one change per touched group is emitted, in order of first touch;
/// emit_each_change emits the change of every input row, in row order; min_interval holds changes back so that no group
/// changes twice within it (by the clock). What is held back when a barrier comes is kept in state, and emitted after it.
///
/// A group whose fields fail to evaluate (sum(x) / count(y)) is absent downstream while they do: its row is retracted and
/// the failure goes to the dead letter as a failed result.
///
/// State: "groups" key -> row count (int64), a scratch word, the accumulators; removed at the barrier that finds the count at
/// zero. "keys" key -> the key's columns, where they cannot be taken from the input row at hand. "held" key -> the row
/// downstream, for changes that are held back. Side tables of the calls.
result<std::unique_ptr<stream_operator>> make_aggregate(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                        const operator_context& context);

}  // namespace systole
