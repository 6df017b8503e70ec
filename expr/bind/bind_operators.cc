#include "expr/bind/bind.h"
#include "expr/casts.h"
#include "expr/conditional.h"
#include "expr/logic.h"
#include "expr/text/concatenation.h"

namespace systole {
namespace {

std::string operator_hint(const std::string& name) {
  if (name == "==") return "write = for equality";
  if (name == "&&") return "write AND";
  if (name == "!" || name == "!!") return "write NOT";
  if (name == "<=>") return "write IS NOT DISTINCT FROM";
  if (name == "=~" || name == "~=") return "write ~ for regular expressions";
  if (name == "**") return "write ^ or power(a, b)";
  if (name == "->" || name == "->>") return "map nested fields in the schema";
  return {};
}

}  // namespace

bound_value binder::bind_logic(const syntax& from) {
  const char* word = from.kind == syntax_kind::conjunction   ? "AND"
                     : from.kind == syntax_kind::disjunction ? "OR"
                                                             : "NOT";
  std::vector<node_ptr> terms;
  bool good = true;
  for (const syntax_ptr& child : from.children) {
    bound_value term = bind(*child);
    if (term && !term.unknown && term.node->type().id != type_id::boolean) {
      refuse(child->offset,
             std::string("argument of ") + word + " must be type boolean, not type " + sql_name(term.node->type().id),
             "compare it, as in x = ... or x IS NOT NULL", "42804");
      good = false;
      continue;
    }
    node_ptr made = coerce(std::move(term), {type_id::boolean}, coercion::implicit);
    good &= made != nullptr;
    terms.push_back(std::move(made));
  }
  if (!good) return {};
  if (from.kind == syntax_kind::negation) return make(make_negation(std::move(terms[0])), from.offset);
  return make(
      from.kind == syntax_kind::conjunction ? make_conjunction(std::move(terms)) : make_disjunction(std::move(terms)),
      from.offset);
}

bound_value binder::bind_operation(const syntax& from) {
  if (from.text == "||" && from.children.size() == 2) return bind_concatenation(from);
  auto operands = bind_all(from.children);
  if (!operands) return {};
  return apply_operator(from.text, std::move(*operands), from.offset);
}

bound_value binder::unknown_operator(const std::string& name, const std::vector<bound_value>& operands, size_t offset) {
  const std::string types = operands.size() == 2 ? sql_name(operands[0].resolution_type()) + " " + name + " " +
                                                       sql_name(operands[1].resolution_type())
                                                 : name + " " + sql_name(operands[0].resolution_type());
  std::string hint = operator_hint(name);
  if (hint.empty() && operands.size() == 2) {
    const type_category a = category_of(operands[0].resolution_type()), b = category_of(operands[1].resolution_type());
    if ((a == type_category::text) != (b == type_category::text))
      hint = "cast one side, as in x::" +
             sql_name(a == type_category::text ? operands[1].resolution_type() : operands[0].resolution_type());
    else if (name == "+" && a == type_category::text) hint = "texts are joined with ||";
    else if ((name == "+" || name == "-") && a == type_category::time && b == type_category::number)
      hint = "add an interval, as in x + INTERVAL '1 day'";
  }
  return refuse(offset, "operator does not exist: " + types, hint, "42883");
}

bound_value binder::apply_operator(const std::string& name, std::vector<bound_value> operands, size_t offset) {
  std::vector<type_id> types;
  for (const bound_value& each : operands) types.push_back(each.resolution_type());
  const auto candidates = overloads(name);
  const overload_choice choice = choose_overload(candidates, types, true);
  if (choice.ambiguous) {
    std::string shown = operands.size() == 2 ? sql_name(types[0]) + " " + name + " " + sql_name(types[1])
                                             : name + " " + sql_name(types[0]);
    return refuse(offset, "operator is not unique: " + shown,
                  "give the literal a type, as in INTERVAL '1 day' or '5'::int", "42725");
  }
  if (!choice.entry) return unknown_operator(name, operands, offset);
  return call_entry(*choice.entry, std::move(operands), offset);
}

/// a || b || c is one operation: NULL where any is NULL.
bound_value binder::bind_concatenation(const syntax& from) {
  std::vector<const syntax*> parts;
  const syntax* at = &from;
  while (at->kind == syntax_kind::operation && at->text == "||" && at->children.size() == 2) {
    parts.insert(parts.begin(), at->children[1].get());
    at = at->children[0].get();
  }
  parts.insert(parts.begin(), at);
  std::vector<bound_value> values;
  bool good = true;
  for (const syntax* part : parts) {
    values.push_back(bind(*part));
    good &= static_cast<bool>(values.back());
  }
  if (!good) return {};
  // Resolved pairwise from the left, as the grammar nests it.
  type_id left = values[0].resolution_type();
  for (size_t i = 1; i < values.size(); ++i) {
    const type_id right = values[i].resolution_type();
    const bool bytes = (left == type_id::bytea && (right == type_id::bytea || right == type_id::null)) ||
                       (right == type_id::bytea && left == type_id::null);
    const bool texts =
        left == type_id::text || right == type_id::text || (left == type_id::null && right == type_id::null);
    const bool any = left == type_id::null || right == type_id::null;
    if (bytes) left = type_id::bytea;
    else if (texts || (any && left != type_id::bytea && right != type_id::bytea)) left = type_id::text;
    else
      return refuse(from.offset, "operator does not exist: " + sql_name(left) + " || " + sql_name(right),
                    "cast one side to text, or use concat(...)", "42883");
  }
  std::vector<node_ptr> nodes;
  for (bound_value& value : values) {
    node_ptr made = coerce(std::move(value), {left}, coercion::explicit_only);
    if (!made) return {};
    nodes.push_back(std::move(made));
  }
  return make(make_concatenation(std::move(nodes), {left}), from.offset);
}

bound_value binder::bind_in(const syntax& from) {
  auto bound = bind_all(from.children);
  if (!bound) return {};
  std::vector<bound_value>& values = *bound;
  std::vector<type_id> types;
  for (const bound_value& each : values) types.push_back(each.resolution_type());
  if (const std::optional<type_id> common = common_type(types)) {
    std::vector<node_ptr> items;
    for (bound_value& value : values) {
      const bool keep = !value.unknown && value.node->type().id == *common;
      node_ptr made = keep ? value.node : coerce(value, {*common}, coercion::implicit);
      if (!made) return {};
      items.push_back(std::move(made));
    }
    const node_ptr subject = items[0];
    items.erase(items.begin());
    if (node_ptr made = make_in_constants(subject, items, from.negated)) return make(std::move(made), from.offset);
  }
  std::vector<node_ptr> terms;
  for (size_t i = 1; i < values.size(); ++i) {
    const bound_value term = apply_operator(from.negated ? "<>" : "=", {values[0], values[i]}, from.offset);
    if (!term) return {};
    terms.push_back(term.node);
  }
  return make(from.negated ? make_conjunction(std::move(terms)) : make_disjunction(std::move(terms)), from.offset);
}

bound_value binder::bind_between(const syntax& from) {
  auto bound = bind_all(from.children);
  if (!bound) return {};
  const auto range = [&](const bound_value& low, const bound_value& high) -> node_ptr {
    const bound_value above = apply_operator(from.negated ? "<" : ">=", {(*bound)[0], low}, from.offset);
    const bound_value below =
        above ? apply_operator(from.negated ? ">" : "<=", {(*bound)[0], high}, from.offset) : bound_value{};
    if (!above || !below) return nullptr;
    return from.negated ? make_disjunction({above.node, below.node}) : make_conjunction({above.node, below.node});
  };
  node_ptr made = range((*bound)[1], (*bound)[2]);
  if (made && from.symmetric) {
    node_ptr other = range((*bound)[2], (*bound)[1]);
    if (!other) return {};
    made = from.negated ? make_conjunction({std::move(made), std::move(other)})
                        : make_disjunction({std::move(made), std::move(other)});
  }
  return made ? make(std::move(made), from.offset) : bound_value{};
}

bool binder::unify_for_equality(bound_value& a, bound_value& b, size_t offset) {
  const std::vector<type_id> types{a.resolution_type(), b.resolution_type()};
  const auto candidates = overloads("=");
  const overload_choice choice = choose_overload(candidates, types, true);
  if (!choice.entry) {
    unknown_operator("=", {a, b}, offset);
    return false;
  }
  const auto as = [&](bound_value& value, type_id type) {
    const bool keep = !value.unknown && value.node->type().id == type;
    if (keep) return true;
    const size_t at = value.offset;
    value = make(coerce(std::move(value), {type}, coercion::implicit), at);
    return static_cast<bool>(value);
  };
  return as(a, choice.entry->arguments[0]) && as(b, choice.entry->arguments[1]);
}

bound_value binder::bind_distinct(const syntax& from) {
  auto bound = bind_all(from.children);
  if (!bound) return {};
  if (!unify_for_equality((*bound)[0], (*bound)[1], from.offset)) return {};
  return make(make_distinct_test((*bound)[0].node, (*bound)[1].node, from.negated), from.offset);
}

}  // namespace systole
