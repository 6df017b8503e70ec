#pragma once

#include <set>
#include <string>

#include "plan/logical_plan.h"

namespace systole {

class diagnostics;

/// Warns of sources whose ingestion_time() is the clock's, where something reads it.
void warn_of_clock(const logical_plan& plan, diagnostics& problems);

/// Makes a checked plan ready to be laid out: leaves out what no sink needs, restricts each source to the columns that
/// are read (this is what is checked, optimised or not: design section 5), says what sources must keep with each row,
/// and gives unions inputs of one shape. With `optimise` it also moves filters that cannot fail into the source, and drops
/// columns that nothing reads: from projections, and before rows are kept or (`exchanges`) sent to other subtasks.
/// Results are the same either way.
void prepare_plan(logical_plan& plan, bool optimise, bool exchanges);

/// The columns of input `input` that a node's expressions read; `live` are those of its output that anything reads.
std::set<std::string> columns_needed(const logical_plan& plan, const logical_node& node, size_t input,
                                     const std::set<std::string>& live);

}  // namespace systole
