#include "plan/join_condition.h"

#include <set>

#include "plan/diagnostic_codes.h"
#include "plan/expression_binder.h"
#include "plan/sql_tokens.h"

namespace systole {

expression_scope join_scope::both(bool left_outer) const {
  expression_scope scope = scope_of(*left, left_alias);
  for (const scope_column& column : scope_of(*right, right_alias).columns) {
    scope.columns.push_back(column);
    scope.columns.back().index = static_cast<int>(scope.columns.size()) - 1;
    if (left_outer) scope.columns.back().nullable = true;
  }
  return scope;
}

expression_scope join_scope::one(bool right_side) const {
  return right_side ? scope_of(*right, right_alias) : scope_of(*left, left_alias);
}

int join_scope::side_of(std::string_view sql) const {
  std::set<int> sides;
  for (const auto& [qualifier, name] : referenced_columns(sql)) {
    if (qualifier == left_alias) sides.insert(0);
    else if (qualifier == right_alias) sides.insert(1);
    else sides.insert(left->find(name) >= 0 ? 0 : 1);
  }
  return sides.size() == 1 ? *sides.begin() : -1;
}

std::optional<join_equalities> split_join_condition(plan_context& context, const yaml_node& on, const join_scope& scope) {
  expression_binder binder(context);
  if (!binder.bind_condition(on, scope.both(), "`on`")) return std::nullopt;
  join_equalities keys;
  for (const std::string& term : split_conjunction(on.text)) {
    auto sides = split_equality(term);
    const int first = sides ? scope.side_of(sides->first) : -1;
    const int second = sides ? scope.side_of(sides->second) : -1;
    if (first < 0 || second < 0 || first == second) {
      keys.residual += (keys.residual.empty() ? "(" : " AND (") + term + ")";
      continue;
    }
    if (first == 1) std::swap(sides->first, sides->second);
    expression_ptr left = binder.bind_derived(sides->first, on, scope.one(false));
    expression_ptr right = binder.bind_derived(sides->second, on, scope.one(true));
    if (!left || !right) return std::nullopt;
    std::optional<data_type> type = wider_type(left->type(), right->type());
    if (!type) {
      binder.report(on, 0, codes::join_condition,
                    "a join compares " + to_string(left->type()) + " with " + to_string(right->type()), "cast one of them");
      return std::nullopt;
    }
    keys.left.push_back(left->type() == *type ? sides->first : cast_sql(sides->first, *type));
    keys.right.push_back(right->type() == *type ? sides->second : cast_sql(sides->second, *type));
    keys.left_column.push_back(left->as_column());
    keys.right_column.push_back(right->as_column());
  }
  if (keys.left.empty()) {
    binder.report(on, 0, codes::join_condition,
                  "`on` needs an equality between " + scope.left_alias + " and " + scope.right_alias,
                  scope.left_alias + ".x = " + scope.right_alias + ".y");
    return std::nullopt;
  }
  return keys;
}

std::optional<join_interval> split_join_interval(plan_context& context, const yaml_node& within, const join_scope& scope) {
  expression_binder binder(context);
  if (!binder.bind_condition(within, scope.both(), "`within`")) return std::nullopt;
  const std::string form = scope.right_alias + ".time BETWEEN " + scope.left_alias + ".time - INTERVAL '1 hour' AND " +
                           scope.left_alias + ".time + INTERVAL '1 hour'";
  auto wrong = [&](const std::string& message) {
    binder.report(within, 0, codes::join_condition, message, "write " + form);
    return std::nullopt;
  };
  auto parts = split_between(within.text);
  if (!parts) return wrong("`within` is not a time BETWEEN two bounds");
  auto low = split_interval_offset(parts->low);
  auto high = split_interval_offset(parts->high);
  if (!low || !high) return wrong("a bound is a time, plus or minus an INTERVAL of days or shorter units");
  const int subject_side = scope.side_of(parts->subject);
  const int base_side = scope.side_of(low->base);
  if (subject_side < 0 || base_side < 0 || subject_side == base_side || scope.side_of(high->base) != base_side)
    return wrong("the time is of one input and both bounds are of the other");
  expression_ptr subject = binder.bind_derived(parts->subject, within, scope.one(subject_side == 1));
  expression_ptr base = binder.bind_derived(low->base, within, scope.one(base_side == 1));
  expression_ptr other = binder.bind_derived(high->base, within, scope.one(base_side == 1));
  if (!subject || !base || !other) return std::nullopt;
  if (base->normalized() != other->normalized()) return wrong("both bounds start from the same time");
  if (!subject->type().is(type_id::timestamptz) || !base->type().is(type_id::timestamptz))
    return wrong("`within` compares TIMESTAMPTZ, not " + to_string(subject->type()) + " and " + to_string(base->type()));
  if (low->micros > high->micros) return wrong("the lower bound is above the upper one");
  join_interval made;
  if (subject_side == 1) {
    made = {low->base, parts->subject, base->as_column(), subject->as_column(), low->micros, high->micros};
  } else {
    // left BETWEEN right + low AND right + high  <=>  right BETWEEN left - high AND left - low
    made = {parts->subject, low->base, subject->as_column(), base->as_column(), -high->micros, -low->micros};
  }
  return made;
}

std::string without_qualifier(std::string_view sql, std::string_view alias) {
  std::vector<sql_token> tokens = scan_sql(sql);
  std::string made;
  size_t from = 0;
  for (size_t i = 0; i + 2 < tokens.size(); ++i) {
    const bool names_alias = tokens[i].what != sql_token::kind::literal && name_at(sql, tokens[i].offset) == alias;
    if (!names_alias || tokens[i + 1].in(sql) != "." || tokens[i + 2].what == sql_token::kind::symbol) continue;
    if (i > 0 && tokens[i - 1].in(sql) == ".") continue;
    made += sql.substr(from, tokens[i].offset - from);
    from = tokens[i + 2].offset;
  }
  made += sql.substr(from);
  return made;
}

}  // namespace systole
