#include "operators/over/over_calls.h"

#include <algorithm>
#include <array>

#include "operators/aggregate/accumulator.h"
#include "operators/over/running_values.h"

namespace systole {

result<over_calls::function> over_calls::function_of(const proto::OverCall& plan, const operator_context& context) {
  static constexpr std::array<std::pair<std::string_view, function>, 9> names{{{"lag", function::lag},
                                                                               {"lead", function::lead},
                                                                               {"first_value", function::first_value},
                                                                               {"last_value", function::last_value},
                                                                               {"row_number", function::row_number},
                                                                               {"count", function::count},
                                                                               {"max", function::max},
                                                                               {"min", function::min},
                                                                               {"sum", function::sum}}};
  for (const auto& [name, what] : names)
    if (name == plan.function()) return what;
  return step_failure(context, "there is no function " + plan.function() + " for over");
}

int over_calls::keep(expression_ptr expression) {
  for (size_t i = 0; i < kept_.size(); ++i)
    if (kept_[i]->normalized() == expression->normalized() && kept_[i]->type() == expression->type())
      return static_cast<int>(i);
  kept_.push_back(std::move(expression));
  return static_cast<int>(kept_.size()) - 1;
}

result<over_calls::call> over_calls::bind_call(const proto::OverCall& plan, const expression_scope& scope,
                                               const operator_context& context) {
  SYSTOLE_ASSIGN(const function what, function_of(plan, context));
  call made{.what = what, .type = {type_id::int64}};
  const bool needs_argument = what != function::row_number && what != function::count;
  if (!plan.argument().sql().empty()) {
    SYSTOLE_ASSIGN(expression_ptr argument, bind_step_expression(plan.argument(), scope, context, plan.function()));
    if (needs_argument) made.type = argument->type();
    made.argument = keep(std::move(argument));
  } else if (needs_argument) {
    return step_failure(context, plan.function() + " needs an argument");
  }
  if (what == function::sum) {
    SYSTOLE_ASSIGN(made.type, aggregate_result_type("sum", true, kept_[static_cast<size_t>(made.argument)]->type()));
  }
  if (what == function::lag || what == function::lead) {
    if (plan.offset() > offset_limit || plan.offset() < -offset_limit)
      return step_failure(context, plan.function() + " looks at most " + std::to_string(offset_limit) +
                                       " rows away, not " + std::to_string(plan.offset()));
    // PostgreSQL's lag(x, -1) is lead(x, 1).
    if (plan.offset() < 0) made.what = what == function::lag ? function::lead : function::lag;
    made.offset = static_cast<size_t>(std::abs(plan.offset()));
    size_t& reach = made.what == function::lag ? rows_before_ : rows_after_;
    reach = std::max(reach, made.offset);
    if (!plan.default_value().sql().empty()) {
      SYSTOLE_ASSIGN(expression_ptr fallback,
                     bind_step_expression(plan.default_value(), scope, context, plan.function(), made.type));
      made.default_value = keep(std::move(fallback));
    }
  } else if (what != function::last_value) {
    made.running = static_cast<int>(running_types_.size());
    running_types_.push_back(made.type);
    if (what == function::sum) running_types_.push_back({type_id::boolean});
  }
  return made;
}

result<over_calls> over_calls::bind(const proto::Node& node, const schema& input, const operator_context& context) {
  const proto::Over& plan = node.over();
  over_calls made;
  const expression_scope scope = step_scope(input, context);
  for (const proto::OverCall& each : plan.calls()) {
    SYSTOLE_ASSIGN(call bound, made.bind_call(each, scope, context));
    made.calls_.push_back(bound);
  }
  expression_scope wide = scope;
  for (int i = 0; i < plan.calls_size(); ++i)
    wide.columns.push_back({.name = plan.calls(i).name(),
                            .type = made.calls_[static_cast<size_t>(i)].type,
                            .nullable = true,
                            .index = static_cast<int>(scope.columns.size()) + i});
  // Twice: the first binding tells which of the input's columns are read, the second finds them among the kept ones.
  SYSTOLE_ASSIGN(made.results_,
                 row_projection::bind(context, failed_result_rule, {}, plan.fields(), node.output(), wide));
  std::vector<int> kept_as(scope.columns.size(), -1);
  for (int each : made.results_.columns()) {
    if (static_cast<size_t>(each) >= scope.columns.size()) continue;
    proto::Expression column;
    std::string quoted = "\"";
    for (char c : input.fields[static_cast<size_t>(each)].name) quoted += c == '"' ? "\"\"" : std::string(1, c);
    column.set_sql(quoted + "\"");
    SYSTOLE_ASSIGN(expression_ptr bound, bind_step_expression(column, scope, context, "field"));
    kept_as[static_cast<size_t>(each)] = made.keep(std::move(bound));
  }
  for (size_t i = 0; i < wide.columns.size(); ++i)
    wide.columns[i].index = i < kept_as.size() ? kept_as[i] : static_cast<int>(made.kept_.size() + i - kept_as.size());
  SYSTOLE_ASSIGN(made.results_,
                 row_projection::bind(context, failed_result_rule, {}, plan.fields(), node.output(), wide));
  return made;
}

row_layout over_calls::kept_layout() const {
  row_layout layout;
  for (const expression_ptr& each : kept_) layout.types.push_back(each->type());
  return layout;
}

row_layout over_calls::running_layout() const { return {.types = running_types_}; }

std::string over_calls::fingerprint() const {
  std::string text;
  for (const expression_ptr& each : kept_) text += each->normalized() + ", ";
  for (const call& each : calls_)
    text += std::to_string(static_cast<int>(each.what)) + "(" + std::to_string(each.argument) + "), ";
  return text;
}

/// lag and lead among the rows that are present: their argument, or the current row's default.
column_ptr over_calls::neighbours(const call& of, const over_rows& rows, const std::vector<uint8_t>& present) const {
  const column_ptr& argument = rows.kept.share(static_cast<size_t>(of.argument));
  const auto size = static_cast<uint32_t>(rows.size());
  // Both columns one after the other, so that one gather takes from either.
  const column_ptr fallback = of.default_value >= 0 ? rows.kept.share(static_cast<size_t>(of.default_value))
                                                    : null_column(argument->type(), size);
  const column_ptr sources[] = {argument, fallback};
  std::vector<uint32_t> picked(size);
  std::vector<uint32_t> live;
  for (size_t p = 0; p + 1 < rows.begins.size(); ++p) {
    live.clear();
    for (uint32_t row = rows.begins[p]; row < rows.begins[p + 1]; ++row) {
      picked[row] = size + row;
      if (present[row]) live.push_back(row);
    }
    for (size_t i = of.offset; i < live.size(); ++i) {
      if (of.what == function::lag) picked[live[i]] = live[i - of.offset];
      else picked[live[i - of.offset]] = live[i];
    }
  }
  return gather(*concatenate(sources), picked);
}

void over_calls::run(const call& of, const over_rows& rows, values& into) const {
  const column* argument = of.argument >= 0 ? &rows.kept.at(static_cast<size_t>(of.argument)) : nullptr;
  const column& stored = rows.running.at(static_cast<size_t>(of.running));
  switch (of.what) {
    case function::row_number: into.running.push_back(running_count(rows, nullptr, stored)); break;
    case function::count: into.running.push_back(running_count(rows, argument, stored)); break;
    case function::first_value: into.running.push_back(running_first(rows, *argument, stored)); break;
    case function::max: into.running.push_back(running_extreme(rows, *argument, stored, true)); break;
    case function::min: into.running.push_back(running_extreme(rows, *argument, stored, false)); break;
    default: {
      const column& overflowed = rows.running.at(static_cast<size_t>(of.running) + 1);
      running_sums sums = running_sum(rows, *argument, stored, overflowed);
      const row_error failure{0, "22003", "a running sum is out of range"};
      for (uint32_t row = 0; row < rows.size(); ++row) {
        if (rows.before[row] && overflowed.is_valid(row) && overflowed.values<uint8_t>()[row]) {
          into.failed_before.push_back(failure);
          into.failed_before.back().row = row;
        }
        if (rows.after[row] && sums.out_of_range->values<uint8_t>()[row]) {
          into.failed_after.push_back(failure);
          into.failed_after.back().row = row;
        }
      }
      into.running.push_back(std::move(sums.values));
      into.running.push_back(std::move(sums.out_of_range));
    }
  }
}

over_calls::values over_calls::compute(const over_rows& rows) const {
  values made;
  for (const call& each : calls_) {
    switch (each.what) {
      case function::lag:
      case function::lead:
        made.before.push_back(neighbours(each, rows, rows.before));
        made.after.push_back(neighbours(each, rows, rows.after));
        break;
      case function::last_value:
        made.before.push_back(rows.kept.share(static_cast<size_t>(each.argument)));
        made.after.push_back(made.before.back());
        break;
      default:
        made.before.push_back(rows.running.share(static_cast<size_t>(each.running)));
        run(each, rows, made);
        made.after.push_back(made.running[static_cast<size_t>(each.running)]);
    }
  }
  return made;
}

}  // namespace systole
