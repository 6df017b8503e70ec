#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plan/plan_context.h"

namespace systole {

/// The two inputs of a join as expressions see them.
struct join_scope {
  std::string left_alias, right_alias;
  const schema* left = nullptr;
  const schema* right = nullptr;

  /// Both inputs' columns; with `left_outer` the right ones may be NULL.
  expression_scope both(bool left_outer = false) const;
  expression_scope one(bool right_side) const;
  /// 0 left, 1 right, -1 neither or both.
  int side_of(std::string_view sql) const;
};

/// An `on` in parts: equal keys of both sides with types that match, and what else must hold.
struct join_equalities {
  std::vector<std::string> left, right;       ///< SQL, qualified as written
  std::vector<int> left_column, right_column; ///< the column that the key is, or -1
  std::string residual;
};
/// Nothing after an error.
std::optional<join_equalities> split_join_condition(plan_context& context, const yaml_node& on, const join_scope& scope);

/// A `within`: right.time in [left.time + lower, left.time + upper].
struct join_interval {
  std::string left_time, right_time;
  int left_column = -1, right_column = -1;
  int64_t lower_us = 0, upper_us = 0;
};
std::optional<join_interval> split_join_interval(plan_context& context, const yaml_node& within, const join_scope& scope);

/// `a.x + a.y` without `a.`, as an expression over the input alone.
std::string without_qualifier(std::string_view sql, std::string_view alias);

}  // namespace systole
