#pragma once

#include "expr/node.h"

namespace systole {

/// CASE WHEN: the first condition that is TRUE chooses; `otherwise` may be null (NULL). All results are of `type`.
struct case_branch {
  node_ptr condition;  ///< BOOLEAN
  node_ptr result;
};
node_ptr make_case(data_type type, std::vector<case_branch> branches, node_ptr otherwise);
/// CASE subject WHEN constant THEN constant ... [ELSE anything]: a lookup. `keys` are constants of the subject's type;
/// nullptr where they cannot be looked up.
node_ptr make_lookup(data_type type, node_ptr subject, const std::vector<node_ptr>& keys,
                     const std::vector<node_ptr>& results, node_ptr otherwise);
/// The first that is not NULL; later ones are computed only where needed. All of `type`.
node_ptr make_coalesce(data_type type, std::vector<node_ptr> choices);
/// NULL where a and b (of one type) are equal, else `value`.
node_ptr make_null_if(node_ptr value, node_ptr a, node_ptr b);
/// GREATEST and LEAST: NULLs are left out.
node_ptr make_extreme(data_type type, std::vector<node_ptr> choices, bool greatest);
/// `subject` [NOT] IN constants of its type. nullptr where they cannot be looked up.
node_ptr make_in_constants(node_ptr subject, const std::vector<node_ptr>& items, bool negated);

}  // namespace systole
