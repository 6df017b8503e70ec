#include <algorithm>

#include "plan/diagnostic_codes.h"
#include "expr/quoting.h"
#include "plan/expression_binder.h"
#include "plan/manifest_value.h"
#include "plan/ordered_key.h"
#include "plan/plan_context.h"
#include "plan/sql_tokens.h"

namespace systole {
namespace {

const std::vector<std::string_view>& window_functions() {
  static const std::vector<std::string_view> names{"lag",   "lead", "first_value", "last_value", "row_number",
                                                   "count", "max",  "min",         "sum"};
  return names;
}

/// A call with the type of its result.
struct planned_call {
  proto::OverCall message;
  scope_column column;
};

class call_planner {
 public:
  call_planner(step_site& site) : site_(site), binder_(site.context), input_(*site.inputs[0]) {}

  /// Adds the calls in `scalar` and gives its SQL with their columns in their place; nothing after an error.
  std::optional<std::string> rewrite(const yaml_node& scalar) {
    std::string made;
    size_t from = 0;
    for (const sql_call& call : find_calls(scalar.text, window_functions())) {
      std::optional<std::string> column = plan(scalar, call);
      if (!column) return std::nullopt;
      made += scalar.text.substr(from, call.offset - from) + *column;
      from = call.offset + call.length;
    }
    return made + scalar.text.substr(from);
  }
  std::vector<planned_call>& calls() { return calls_; }

 private:
  std::string argument(const yaml_node& scalar, const sql_call& call, size_t index) const {
    return scalar.text.substr(call.arguments[index].first, call.arguments[index].second);
  }
  std::optional<std::string> wrong(const yaml_node& scalar, const sql_call& call, std::string message, std::string hint = {}) {
    binder_.report(scalar, call.offset, codes::window_call, std::move(message), std::move(hint));
    return std::nullopt;
  }

  std::optional<std::string> plan(const yaml_node& scalar, const sql_call& call) {
    if (call.has_over_or_filter)
      return wrong(scalar, call, call.name + "(...) has neither OVER nor FILTER here", "partitionBy and orderBy are the step's; for a filter use CASE WHEN within");
    if (call.distinct) return wrong(scalar, call, "DISTINCT is not possible in over", "use aggregate");
    const bool shifts = call.name == "lag" || call.name == "lead";
    const size_t most = call.name == "row_number" ? 0 : shifts ? 3 : 1;
    const size_t least = call.name == "row_number" || call.star ? 0 : 1;
    if (call.arguments.size() > most || call.arguments.size() < least || (call.star && call.name != "count"))
      return wrong(scalar, call, "wrong number of arguments of " + call.name,
                   shifts ? "lag(value [, rows [, default]])" : call.name == "row_number" ? "row_number()" : call.name + "(value)");
    planned_call made;
    made.message.set_function(call.name);
    made.column.nullable = true;
    data_type type{type_id::int64};
    if (!call.arguments.empty()) {
      std::string sql = argument(scalar, call, 0);
      expression_ptr value = bind_part(scalar, call.arguments[0]);
      if (!value) return std::nullopt;
      *made.message.mutable_argument() = binder_.message(scalar, sql);
      if (call.name != "count") type = value->type();
      if (type.is(type_id::null)) return wrong(scalar, call, "the type of the argument is unknown", "give it one: NULL::text");
    }
    if (call.name == "sum") {
      expression_scope scope = scope_of(input_.columns);
      scope.parameters = &site_.context.parameters.values();
      scope.allow_aggregates = true;
      std::vector<aggregate_call> split;
      aggregate_split result = split_aggregates(scalar.text.substr(call.offset, call.length), scope, split);
      if (!result.errors.empty() || split.empty()) {
        if (result.errors.empty()) return wrong(scalar, call, "sum of " + to_string(type) + " does not exist");
        return wrong(scalar, call, result.errors.front().message, result.errors.front().hint);
      }
      type = split.front().result_type;
    }
    if (call.name == "count" || call.name == "row_number") made.column.nullable = false;
    if (shifts) {
      made.message.set_offset(1);
      if (call.arguments.size() > 1) {
        std::optional<int64_t> offset = parse_integer(argument(scalar, call, 1));
        constexpr int64_t most_rows = 1'000'000;
        if (!offset || *offset < 0 || *offset > most_rows)
          return wrong(scalar, call, "the rows of " + call.name + " are a whole number from 0 to 1000000");
        made.message.set_offset(*offset);
      }
      if (call.arguments.size() > 2) {
        yaml_node part = part_of(scalar, call.arguments[2]);
        expression_ptr value = binder_.bind(part, scope_of(input_.columns), type);
        if (!value) return std::nullopt;
        *made.message.mutable_default_value() = binder_.message(scalar, part.text);
      }
    }
    // Equal calls are made once.
    for (const planned_call& known : calls_) {
      planned_call same = known;
      same.message.set_name("");
      made.message.mutable_argument()->set_line(known.message.argument().line());
      made.message.mutable_argument()->set_column(known.message.argument().column());
      if (same.message.SerializeAsString() == made.message.SerializeAsString()) return known.column.name;
    }
    made.column.name = "over" + std::to_string(calls_.size());
    made.column.type = type;
    made.message.set_name(made.column.name);
    calls_.push_back(made);
    return made.column.name;
  }

  yaml_node part_of(const yaml_node& scalar, std::pair<size_t, size_t> part) const {
    yaml_node made = scalar;
    made.text = scalar.text.substr(part.first, part.second);
    made.at = position_within(scalar, part.first, site_.context.text_of(scalar.at.file));
    return made;
  }
  expression_ptr bind_part(const yaml_node& scalar, std::pair<size_t, size_t> part) {
    yaml_node argument = part_of(scalar, part);
    if (!find_calls(argument.text, window_functions()).empty()) {
      binder_.report(scalar, part.first, codes::window_call, "window functions cannot be nested", "make two over steps");
      return nullptr;
    }
    expression_ptr bound = binder_.bind(argument, scope_of(input_.columns));
    if (bound && !binder_.check_deterministic(argument, *bound, input_)) return nullptr;
    return bound;
  }

  step_site& site_;
  expression_binder binder_;
  const stream& input_;
  std::vector<planned_call> calls_;
};

}  // namespace

void plan_over(step_site& site) {
  const stream& input = *site.inputs[0];
  object_view over = site.step.object("over");
  expression_binder binder(site.context);
  stream& out = site.made.out;
  out.poisoned = true;
  proto::Over& message = *site.made.node.mutable_over();
  std::vector<const yaml_node*> scalars;
  auto partition = bind_expressions(site, *over.get("partitionBy"), scalars);
  bool ok = partition.has_value();
  for (const yaml_node* scalar : scalars) *message.add_partition_by() = binder.message(*scalar);
  if (!bind_order(site, *over.get("orderBy"), *message.mutable_order_by())) ok = false;

  // The output: the input's columns, each replaced by a field of its name, then the other fields.
  struct output_column {
    std::string name;
    const yaml_node* scalar;
  };
  std::vector<output_column> columns;
  for (const field& f : input.columns.fields) columns.push_back({f.name, over.get("fields")->find(f.name)});
  for (const yaml_node::entry& entry : over.get("fields")->entries)
    if (input.columns.find(entry.key) < 0) columns.push_back({entry.key, &entry.value});

  call_planner calls(site);
  std::vector<int> source_of;
  std::string row_number_column;
  for (const output_column& column : columns) {
    proto::NamedExpression* named = message.add_fields();
    named->set_name(column.name);
    if (!column.scalar) {
      const int index = input.columns.find(column.name);
      named->mutable_value()->set_sql(quote_name(column.name));
      out.columns.fields.push_back(input.columns.fields[static_cast<size_t>(index)]);
      source_of.push_back(index);
      continue;
    }
    std::optional<std::string> sql = calls.rewrite(*column.scalar);
    if (!sql) {
      ok = false;
      continue;
    }
    expression_scope scope = scope_of(input.columns);
    for (const planned_call& call : calls.calls()) {
      scope.columns.push_back(call.column);
      scope.columns.back().index = static_cast<int>(scope.columns.size()) - 1;
    }
    expression_ptr bound = binder.bind_derived(*sql, *column.scalar, scope);
    std::optional<field> made = bound ? binder.column(*column.scalar, column.name, *bound) : std::nullopt;
    if (!made || !binder.check_deterministic(*column.scalar, *bound, input)) {
      ok = false;
      continue;
    }
    *named->mutable_value() = binder.message(*column.scalar, *sql);
    out.columns.fields.push_back(*made);
    const int copy = bound->as_column();
    const auto inputs = static_cast<int>(input.columns.fields.size());
    if (copy >= inputs && calls.calls()[static_cast<size_t>(copy - inputs)].message.function() == "row_number")
      row_number_column = column.name;
    source_of.push_back(copy < inputs ? copy : -1);
  }
  if (!ok) return;
  for (const planned_call& call : calls.calls()) *message.add_calls() = call.message;
  carry_properties(input, source_of, out);
  out.changelog = true;
  if (!out.upsert_key && !row_number_column.empty()) {
    // (partition, row number) is unique where the partition's columns are in the output.
    stream numbered = input;
    numbered.upsert_key.emplace();
    for (const expression_ptr& key : *partition) {
      if (key->as_column() < 0) numbered.upsert_key.reset();
      if (!numbered.upsert_key) break;
      numbered.upsert_key->push_back(input.columns.fields[static_cast<size_t>(key->as_column())].name);
    }
    stream carried = out;
    carry_properties(numbered, source_of, carried);
    if (carried.upsert_key) {
      out.upsert_key = carried.upsert_key;
      out.upsert_key->push_back(row_number_column);
    }
  }
  out.poisoned = false;
}

}  // namespace systole
