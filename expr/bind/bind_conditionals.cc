#include "expr/bind/bind.h"
#include "expr/casts.h"
#include "expr/conditional.h"

namespace systole {

bool binder::unify(std::vector<bound_value*> values, const char* what, data_type& type) {
  std::vector<type_id> types;
  for (const bound_value* each : values) types.push_back(each->resolution_type());
  const std::optional<type_id> common = common_type(types);
  if (!common) {
    // Name the first pair that does not go together.
    for (size_t i = 1; i < values.size(); ++i) {
      if (common_type(std::span(types).subspan(0, i + 1))) continue;
      size_t other = 0;
      while (other < i && types[other] == type_id::null) ++other;
      refuse(
          values[i]->offset,
          std::string(what) + " types " + sql_name(types[other]) + " and " + sql_name(types[i]) + " cannot be matched",
          "cast one of them", "42804");
      return false;
    }
    return false;
  }
  std::vector<data_type> full;
  for (const bound_value* each : values) full.push_back(each->unknown ? data_type{type_id::null} : each->node->type());
  type = common_modifier(*common, full);
  for (bound_value* each : values) {
    if (!each->unknown && each->node->type().id == type.id) continue;
    const size_t at = each->offset;
    *each = make(coerce(std::move(*each), each->unknown ? type : data_type{type.id}, coercion::implicit), at);
    if (!*each) return false;
  }
  return true;
}

bound_value binder::bind_case(const syntax& from) {
  const size_t count = from.children.size();
  bound_value subject, otherwise;
  bool good = true;
  if (from.children.front()) good &= static_cast<bool>(subject = bind(*from.children.front()));
  std::vector<bound_value> conditions, results;
  for (size_t i = 1; i + 1 < count; i += 2) {
    conditions.push_back(bind(*from.children[i]));
    results.push_back(bind(*from.children[i + 1]));
    good &= conditions.back() && results.back();
  }
  if (from.children.back()) good &= static_cast<bool>(otherwise = bind(*from.children.back()));
  if (!good) return {};

  data_type type;
  std::vector<bound_value*> values;
  if (otherwise) values.push_back(&otherwise);  // PostgreSQL's order
  for (bound_value& result : results) values.push_back(&result);
  if (!unify(values, "CASE", type)) return {};

  if (subject) {
    if (subject.unknown) {
      node_ptr as_text = coerce(subject, {type_id::text}, coercion::implicit);
      subject = make(std::move(as_text), subject.offset);
    }
    // A lookup where all keys are constants that compare in one type.
    std::vector<node_ptr> keys, constants;
    node_ptr compared;
    bool same_type = true;
    std::vector<case_branch> branches;
    for (size_t i = 0; i < conditions.size(); ++i) {
      bound_value left = subject, right = conditions[i];
      if (!unify_for_equality(left, right, conditions[i].offset)) return {};
      if (compared && compared->type().id != left.node->type().id) same_type = false;
      if (!compared) compared = left.node;
      keys.push_back(right.node);
      constants.push_back(results[i].node);
      const bound_value equal = apply_operator("=", {left, right}, conditions[i].offset);
      if (!equal) return {};
      branches.push_back({equal.node, results[i].node});
    }
    if (same_type && all_constant(keys) && all_constant(constants))
      if (node_ptr made = make_lookup(type, compared, keys, constants, otherwise.node))
        return make(std::move(made), from.offset);
    return make(make_cast(make_case(type, std::move(branches), otherwise.node), type), from.offset);
  }

  std::vector<case_branch> branches;
  for (size_t i = 0; i < conditions.size(); ++i) {
    if (conditions[i].resolution_type() != type_id::boolean && !conditions[i].unknown)
      return refuse(conditions[i].offset,
                    "argument of CASE/WHEN must be type boolean, not type " + sql_name(conditions[i].resolution_type()),
                    {}, "42804");
    node_ptr condition = coerce(conditions[i], {type_id::boolean}, coercion::implicit);
    if (!condition) return {};
    branches.push_back({std::move(condition), results[i].node});
  }
  return make(make_cast(make_case(type, std::move(branches), otherwise.node), type), from.offset);
}

bound_value binder::bind_coalesce(const syntax& from) {
  auto bound = bind_all(from.children);
  if (!bound) return {};
  data_type type;
  std::vector<bound_value*> values;
  for (bound_value& each : *bound) values.push_back(&each);
  if (!unify(values, "COALESCE", type)) return {};
  std::vector<node_ptr> nodes;
  for (bound_value& each : *bound) nodes.push_back(each.node);
  return make(make_coalesce(type, std::move(nodes)), from.offset);
}

bound_value binder::bind_extreme(const syntax& from) {
  auto bound = bind_all(from.children);
  if (!bound) return {};
  data_type type;
  std::vector<bound_value*> values;
  for (bound_value& each : *bound) values.push_back(&each);
  if (!unify(values, from.kind == syntax_kind::greatest ? "GREATEST" : "LEAST", type)) return {};
  std::vector<node_ptr> nodes;
  for (bound_value& each : *bound) nodes.push_back(each.node);
  return make(make_extreme(type, std::move(nodes), from.kind == syntax_kind::greatest), from.offset);
}

bound_value binder::bind_null_if(const syntax& from) {
  auto bound = bind_all(from.children);
  if (!bound) return {};
  // The value has the type in which its side is compared. PostgreSQL has operators between integers of two sizes and
  // between kinds of times: there it keeps its own.
  bound_value a = (*bound)[0], b = (*bound)[1];
  if (!unify_for_equality(a, b, from.offset)) return {};
  const type_id given = (*bound)[0].resolution_type(), compared = a.node->type().id;
  const bool crosses = given != type_id::null && !(*bound)[1].unknown &&
                       (compared == type_id::int64 || category_of(compared) == type_category::time);
  return make(make_null_if(crosses ? (*bound)[0].node : a.node, a.node, b.node), from.offset);
}

}  // namespace systole
