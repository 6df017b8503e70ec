#include <charconv>

#include "expr/bind/parse.h"
#include "expr/expression.h"
#include "expr/text/text_input.h"

// Parts of expressions as SQL, for joins and push-down: they work on the syntax tree alone.

namespace systole {
namespace {

void add_terms(const syntax& tree, std::vector<std::string>& terms) {
  if (tree.kind != syntax_kind::conjunction) {
    terms.push_back(print(tree));
    return;
  }
  for (const syntax_ptr& child : tree.children) add_terms(*child, terms);
}

bool is_operation(const syntax& tree, std::string_view name) {
  return tree.kind == syntax_kind::operation && tree.text == name && tree.children.size() == 2;
}

/// `x >= low` or `low <= x`: which side is the bound.
struct bound_side {
  const syntax* subject;
  const syntax* bound;
  bool is_low;
};
std::optional<std::pair<bound_side, bound_side>> both_readings(const syntax& tree) {
  const bool at_least = is_operation(tree, ">="), at_most = is_operation(tree, "<=");
  if (!at_least && !at_most) return std::nullopt;
  const syntax* left = tree.children[0].get();
  const syntax* right = tree.children[1].get();
  return std::pair{bound_side{left, right, at_least}, bound_side{right, left, at_most}};
}

std::optional<interval_value> interval_literal(const syntax& tree) {
  if (tree.kind != syntax_kind::cast || tree.text != "interval" || tree.children[0]->kind != syntax_kind::text_literal)
    return std::nullopt;
  interval_value value;
  if (read_interval(tree.children[0]->text, value)) return std::nullopt;
  return value;
}

std::optional<int64_t> fixed_micros(const interval_value& value) {
  if (value.months != 0) return std::nullopt;
  int64_t micros;
  if (__builtin_mul_overflow(int64_t{value.days}, int64_t{86'400'000'000}, &micros) ||
      __builtin_add_overflow(micros, value.micros, &micros))
    return std::nullopt;
  return micros;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> referenced_columns(std::string_view sql) {
  std::vector<std::pair<std::string, std::string>> made;
  const parse_outcome parsed = parse_expression(sql);
  if (!parsed.tree) return made;
  visit_tree(*parsed.tree, [&](const syntax& each) {
    if (each.kind != syntax_kind::column) return;
    std::pair<std::string, std::string> name(each.names.size() == 2 ? each.names[0] : std::string(), each.names.back());
    for (const auto& known : made)
      if (known == name) return;
    made.push_back(std::move(name));
  });
  return made;
}

std::vector<std::string> split_conjunction(std::string_view sql) {
  std::vector<std::string> terms;
  const parse_outcome parsed = parse_expression(sql);
  if (parsed.tree) add_terms(*parsed.tree, terms);
  return terms;
}

std::optional<std::pair<std::string, std::string>> split_equality(std::string_view sql) {
  const parse_outcome parsed = parse_expression(sql);
  if (!parsed.tree || !is_operation(*parsed.tree, "=")) return std::nullopt;
  return std::pair{print(*parsed.tree->children[0]), print(*parsed.tree->children[1])};
}

std::optional<between_parts> split_between(std::string_view sql) {
  const parse_outcome parsed = parse_expression(sql);
  if (!parsed.tree) return std::nullopt;
  const syntax& tree = *parsed.tree;
  if (tree.kind == syntax_kind::between && !tree.negated && !tree.symmetric)
    return between_parts{print(*tree.children[0]), print(*tree.children[1]), print(*tree.children[2])};
  if (tree.kind != syntax_kind::conjunction || tree.children.size() != 2) return std::nullopt;
  const auto first = both_readings(*tree.children[0]), second = both_readings(*tree.children[1]);
  if (!first || !second) return std::nullopt;
  for (const bound_side& a : {first->first, first->second})
    for (const bound_side& b : {second->first, second->second}) {
      if (a.is_low == b.is_low || print(*a.subject) != print(*b.subject)) continue;
      return between_parts{print(*a.subject), print(a.is_low ? *a.bound : *b.bound),
                           print(a.is_low ? *b.bound : *a.bound)};
    }
  return std::nullopt;
}

std::optional<offset_parts> split_interval_offset(std::string_view sql) {
  const parse_outcome parsed = parse_expression(sql);
  if (!parsed.tree) return std::nullopt;
  const syntax* at = parsed.tree.get();
  int64_t total = 0;
  while (is_operation(*at, "+") || is_operation(*at, "-")) {
    const bool minus = at->text == "-";
    const syntax* base = at->children[0].get();
    std::optional<interval_value> by = interval_literal(*at->children[1]);
    if (!by && !minus) {
      by = interval_literal(*at->children[0]);
      base = at->children[1].get();
    }
    if (!by) break;
    const std::optional<int64_t> micros = fixed_micros(*by);
    if (!micros || __builtin_add_overflow(total, minus ? -*micros : *micros, &total)) return std::nullopt;
    at = base;
  }
  return offset_parts{print(*at), total};
}

}  // namespace systole
