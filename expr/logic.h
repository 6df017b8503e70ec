#pragma once

#include "expr/node.h"

namespace systole {

/// AND and OR of BOOLEAN terms with three-valued logic. Terms that can fail, or are expensive, are computed only for
/// the rows that the terms before did not decide. Nested conjunctions are flattened and constants folded.
node_ptr make_conjunction(std::vector<node_ptr> terms);
node_ptr make_disjunction(std::vector<node_ptr> terms);
node_ptr make_negation(node_ptr of);
/// IS [NOT] NULL.
node_ptr make_null_test(node_ptr of, bool is_not_null);
/// IS [NOT] TRUE, FALSE, UNKNOWN.
enum class truth { is_true, is_false, unknown };
node_ptr make_boolean_test(node_ptr of, truth wanted, bool negated);
/// IS [NOT] DISTINCT FROM; both of one type.
node_ptr make_distinct_test(node_ptr a, node_ptr b, bool negated);
/// The selected rows where a BOOLEAN column is TRUE, or (the others) FALSE or NULL.
void split_rows(const column& condition, const selection& rows, std::vector<uint32_t>& taken,
                std::vector<uint32_t>& others);

}  // namespace systole
