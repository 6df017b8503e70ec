#include <algorithm>

#include "expr/bind/bind.h"
#include "expr/bind/parse.h"
#include "expr/expression.h"

namespace systole {
namespace {

std::string internal_name(std::string name) { return name == "every" ? "bool_and" : name; }

/// PostgreSQL's result types (pg_aggregate); nothing where the aggregate does not take the type.
std::optional<data_type> aggregate_type(const std::string& function, data_type argument) {
  using enum type_id;
  if (function == "count") return data_type{int64};
  if (function == "bool_and" || function == "bool_or")
    return argument.is(boolean) ? std::optional(data_type{boolean}) : std::nullopt;
  if (function == "min" || function == "max")
    return argument.is(boolean) || argument.is(bytea) ? std::nullopt : std::optional(argument);
  if (function == "sum") {
    switch (argument.id) {
      case int32: return data_type{int64};
      case int64:
      case numeric: return data_type{numeric};
      case float64: return data_type{float64};
      case interval: return data_type{interval};
      default: return std::nullopt;
    }
  }
  switch (argument.id) {  // avg
    case int32:
    case int64:
    case numeric: return data_type{numeric};
    case float64: return data_type{float64};
    case interval: return data_type{interval};
    default: return std::nullopt;
  }
}

class aggregate_splitter {
 public:
  aggregate_splitter(const expression_scope& input, std::vector<aggregate_call>& calls,
                     std::vector<expression_error>& errors)
      : input_(input), calls_(calls), errors_(errors) {}

  /// Replaces the calls in the tree by columns.
  void replace(syntax_ptr& at) {
    if (at->kind == syntax_kind::call && is_aggregate_name(at->text)) return replace_call(at);
    if (at->filter) error(*at, "FILTER is only possible with an aggregate", {}, "42809");
    for (syntax_ptr& child : at->children)
      if (child) replace(child);
  }

 private:
  void error(const syntax& at, std::string message, std::string hint, std::string sqlstate) {
    errors_.push_back({at.offset, std::move(message), {}, std::move(hint), std::move(sqlstate)});
  }

  bool holds_aggregate(const syntax& tree) {
    bool found = false;
    visit_tree(tree,
               [&](const syntax& each) { found |= each.kind == syntax_kind::call && is_aggregate_name(each.text); });
    return found;
  }

  /// The type of an argument or filter; nothing after an error.
  std::optional<data_type> type_of(const syntax& tree) {
    binder binding(input_);
    const bound_value value = binding.bind(tree);
    for (expression_error& each : binding.take_errors()) errors_.push_back(std::move(each));
    if (!value) return std::nullopt;
    return value.unknown ? data_type{type_id::text} : value.node->type();
  }

  void replace_call(syntax_ptr& at) {
    const syntax& call = *at;
    if (call.over) return error(call, "a window function is not possible here", "use the over operator", "0A000");
    if (call.ordered || call.variadic) return error(call, "ORDER BY inside an aggregate is not supported", {}, "0A000");
    if (call.star != call.children.empty() || call.children.size() > 1 || (call.star && call.text != "count"))
      return error(call, call.text + " takes one argument" + (call.text == "count" ? ", or *" : ""), {}, "42883");
    for (const syntax_ptr& child : call.children)
      if (holds_aggregate(*child)) return error(call, "aggregates cannot be nested", "aggregate in two steps", "42803");
    if (call.filter && holds_aggregate(*call.filter))
      return error(*call.filter, "an aggregate is not possible in FILTER", {}, "42803");

    aggregate_call made;
    made.function = internal_name(call.text);
    made.distinct = call.distinct;
    made.offset = call.offset;
    if (call.filter) {
      const std::optional<data_type> type = type_of(*call.filter);
      if (!type) return;
      if (!type->is(type_id::boolean) && call.filter->kind != syntax_kind::null_literal)
        return error(*call.filter, "argument of FILTER must be type boolean, not type " + sql_name(type->id), {},
                     "42804");
      made.filter = print(*call.filter);
    }
    made.argument_type = data_type{type_id::null};
    if (!call.star) {
      const std::optional<data_type> type = type_of(*call.children[0]);
      if (!type) return;
      made.argument = print(*call.children[0]);
      made.argument_type = *type;
    }
    const std::optional<data_type> result = aggregate_type(made.function, made.argument_type);
    if (!result)
      return error(call, "function " + call.text + "(" + sql_name(made.argument_type.id) + ") does not exist",
                   made.function == "sum" || made.function == "avg" ? "it adds numbers and intervals" : "", "42883");
    made.result_type = *result;
    // min and max of distinct values are those of all.
    if (made.function != "count" && made.function != "sum" && made.function != "avg") made.distinct = false;
    put_column(at, std::move(made));
  }

  void put_column(syntax_ptr& at, aggregate_call made) {
    const auto same = [&](const aggregate_call& known) {
      return known.function == made.function && known.distinct == made.distinct && known.argument == made.argument &&
             known.filter == made.filter;
    };
    const auto found = std::find_if(calls_.begin(), calls_.end(), same);
    auto column = std::make_unique<syntax>();
    column->kind = syntax_kind::column;
    column->offset = at->offset;
    if (found != calls_.end()) {
      column->names = {found->name};
    } else {
      made.name = "agg" + std::to_string(calls_.size());
      column->names = {made.name};
      calls_.push_back(std::move(made));
    }
    at = std::move(column);
  }

  const expression_scope& input_;
  std::vector<aggregate_call>& calls_;
  std::vector<expression_error>& errors_;
};

}  // namespace

aggregate_split split_aggregates(std::string_view sql, const expression_scope& input,
                                 std::vector<aggregate_call>& calls) {
  aggregate_split made;
  parse_outcome parsed = parse_expression(sql);
  made.errors = std::move(parsed.errors);
  if (!parsed.tree) return made;
  aggregate_splitter(input, calls, made.errors).replace(parsed.tree);
  if (made.errors.empty()) made.outer_sql = print(*parsed.tree);
  return made;
}

}  // namespace systole
