#include "operators/aggregate/accumulator_set.h"

#include "base/limits.h"
#include "operators/aggregate/distinct_values.h"
#include "operators/step_expressions.h"

namespace systole {

/// One call: what it is computed by, and its columns of the batch at hand.
struct accumulator_set::call {
  std::string name;
  std::string fingerprint;
  expression_ptr argument;  ///< null for count(*)
  expression_ptr filter;    ///< null for none
  std::unique_ptr<accumulator> function;
  std::unique_ptr<distinct_values> distinct;
  bool keeps_arguments = false;  ///< values are subkeys of a side table
  size_t offset = 0;             ///< in a group's value
  column_ptr arguments;
  column_ptr filters;
};

accumulator_set::accumulator_set(const operator_context& context, bool changelog)
    : context_(context), changelog_(changelog) {}
accumulator_set::~accumulator_set() = default;

result<std::unique_ptr<accumulator_set>> accumulator_set::make(
    const google::protobuf::RepeatedPtrField<proto::AggregateCall>& calls, const schema& input, bool changelog,
    const operator_context& context) {
  std::unique_ptr<accumulator_set> made(new accumulator_set(context, changelog));
  const expression_scope scope = step_scope(input, context);
  for (const proto::AggregateCall& each : calls) {
    call bound;
    bound.name = each.name();
    const bool has_argument = !each.argument().sql().empty();
    if (has_argument) {
      SYSTOLE_ASSIGN(bound.argument, bind_step_expression(each.argument(), scope, context, each.function()));
    }
    if (!each.filter().sql().empty()) {
      SYSTOLE_ASSIGN(bound.filter, bind_step_expression(each.filter(), scope, context, "FILTER of " + each.function(),
                                                        data_type{type_id::boolean}));
    }
    const data_type type = has_argument ? bound.argument->type() : data_type{};
    auto function = make_accumulator(each.function(), has_argument, type, changelog);
    if (!function) return step_failure(context, function.error().message);
    bound.function = std::move(*function);
    // DISTINCT changes nothing for extremes and booleans.
    const bool counts = each.function() == "count" || each.function() == "sum" || each.function() == "avg";
    if (each.distinct() && counts && has_argument) bound.distinct = std::make_unique<distinct_values>(changelog);
    bound.keeps_arguments = bound.distinct || (changelog && bound.function->has_side_table());
    bound.offset = made->value_bytes_;
    bound.fingerprint = each.function() + (bound.distinct ? "(distinct " : "(") +
                        (has_argument ? bound.argument->normalized() : "*") + ")" +
                        (bound.filter ? " filter " + bound.filter->normalized() : "");
    made->value_bytes_ += (bound.function->value_bytes() + 7) / 8 * 8;
    made->columns_.push_back({each.name(), bound.function->result_type(), each.function() != "count"});
    made->calls_.push_back(std::move(bound));
  }
  return made;
}

result<void> accumulator_set::open() {
  for (call& each : calls_) {
    table_descriptor table{.step = context_.step, .name = each.name, .fingerprint = each.fingerprint};
    SYSTOLE_TRY(each.function->open(*context_.state, table));
    if (each.distinct) SYSTOLE_TRY(each.distinct->open(*context_.state, table));
  }
  return {};
}

std::string accumulator_set::layout() const {
  std::string text;
  for (const call& each : calls_) text += each.name + "{" + each.function->layout() + "}";
  return text;
}

std::string accumulator_set::fingerprint() const {
  std::string text;
  for (const call& each : calls_) text += each.name + "=" + each.fingerprint + ";";
  return text;
}

bool accumulator_set::has_side_tables() const {
  for (const call& each : calls_)
    if (each.distinct || each.function->has_side_table()) return true;
  return false;
}

bool accumulator_set::can_fail() const {
  for (const call& each : calls_)
    if (each.function->can_fail()) return true;
  return false;
}

void accumulator_set::evaluate(const batch& rows, std::vector<row_error>& errors) {
  rows_ = rows;
  std::vector<row_error> found;
  const auto evaluate_one = [&](const bound_expression& expression, const std::vector<uint32_t>* selection) -> column_ptr {
    if (const int index = expression.as_column(); index >= 0) return rows.share(static_cast<size_t>(index));
    column_ptr values = expression.evaluate(rows, evaluation_of(context_), found, selection);
    errors.insert(errors.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    found.clear();
    return values;
  };
  std::vector<uint32_t> selection;
  for (call& each : calls_) {
    each.filters = each.filter ? evaluate_one(*each.filter, nullptr) : nullptr;
    if (!each.argument) continue;
    if (!each.filters) {
      each.arguments = evaluate_one(*each.argument, nullptr);
      continue;
    }
    selection.clear();
    const uint8_t* truth = each.filters->values<uint8_t>();
    for (uint32_t row = 0; row < rows.rows(); ++row)
      if (truth[row] && each.filters->is_valid(row)) selection.push_back(row);
    each.arguments = evaluate_one(*each.argument, &selection);
  }
  for (const call& each : calls_)
    if (each.keeps_arguments && each.arguments->type().is_text_like()) find_long_texts(each, errors);
}

/// Texts that side tables cannot hold as subkeys, whose ordered encoding may double them, are errors of their rows.
void accumulator_set::find_long_texts(const call& each, std::vector<row_error>& errors) {
  for (uint32_t row = 0; row < each.arguments->size(); ++row) {
    if (each.arguments->is_null(row) || each.arguments->values<text_view>()[row].size() <= limits::state_key_bytes / 4) continue;
    const bool passes = !each.filters || (each.filters->values<uint8_t>()[row] && each.filters->is_valid(row));
    if (passes) errors.push_back({row, "54000", "an aggregate's text is too long to be kept"});
  }
}

result<void> accumulator_set::begin(std::span<const accumulator_group> groups) {
  groups_ = groups;
  for (call& each : calls_) SYSTOLE_TRY(each.function->begin(groups, each.offset));
  return {};
}

/// The pairs' weights for one call: 0 where the filter is not TRUE or the argument NULL, else the sign of the row's kind.
/// Empty where all are +1.
result<std::span<const int8_t>> accumulator_set::weigh(call& each, std::span<const uint32_t> rows,
                                                       std::span<const uint32_t> group_of) {
  const column_ptr& kinds = rows_.hidden_column(hidden::kind);
  const bool nulls = each.arguments && each.arguments->may_have_nulls();
  if (!kinds && !each.filters && !nulls && !each.distinct) return std::span<const int8_t>();
  weights_.assign(group_of.size(), 1);
  const auto row_of = [&](size_t pair) { return rows.empty() ? static_cast<uint32_t>(pair) : rows[pair]; };
  // Without a branch: which rows count is as good as random.
  const auto keep_where = [&](size_t pair, bool kept) { weights_[pair] &= static_cast<int8_t>(-static_cast<int>(kept)); };
  if (kinds) {
    const uint8_t* values = kinds->values<uint8_t>();
    for (size_t pair = 0; pair < weights_.size(); ++pair)
      weights_[pair] = static_cast<int8_t>(sign(static_cast<row_kind>(values[row_of(pair)])));
  }
  if (each.filters) {
    const uint8_t* truth = each.filters->values<uint8_t>();
    for (size_t pair = 0; pair < weights_.size(); ++pair) keep_where(pair, truth[row_of(pair)] != 0);
    if (each.filters->may_have_nulls())
      for (size_t pair = 0; pair < weights_.size(); ++pair) keep_where(pair, each.filters->is_valid(row_of(pair)));
  }
  if (nulls) {
    for (size_t pair = 0; pair < weights_.size(); ++pair) keep_where(pair, each.arguments->is_valid(row_of(pair)));
  }
  if (each.distinct) {
    for (size_t pair = 0; pair < weights_.size(); ++pair) {
      if (weights_[pair] == 0) continue;
      SYSTOLE_ASSIGN(weights_[pair],
                     each.distinct->weigh(groups_[group_of[pair]], *each.arguments, row_of(pair), weights_[pair]));
    }
  }
  return std::span<const int8_t>(weights_);
}

result<void> accumulator_set::add(std::span<const uint32_t> rows, std::span<const uint32_t> group_of) {
  for (call& each : calls_) {
    SYSTOLE_ASSIGN(const std::span<const int8_t> weights, weigh(each, rows, group_of));
    SYSTOLE_TRY(each.function->add({each.arguments.get(), rows, group_of, weights}));
  }
  return {};
}

result<void> accumulator_set::add_each(std::span<const uint32_t> rows, std::span<const uint32_t> group_of,
                                       bool want_before, trace& out) {
  out.before.clear();
  out.after.clear();
  out.errors.clear();
  out.before_errors.clear();
  out.changed.assign(group_of.size(), 0);
  for (call& each : calls_) {
    SYSTOLE_ASSIGN(const std::span<const int8_t> weights, weigh(each, rows, group_of));
    column_builder after(each.function->result_type(), group_of.size());
    column_builder before(each.function->result_type(), want_before ? group_of.size() : 0);
    SYSTOLE_TRY(each.function->add_each({each.arguments.get(), rows, group_of, weights},
                                        {want_before ? &before : nullptr, &after, out.changed.data(), &out.errors,
                                         &out.before_errors}));
    out.after.push_back(after.finish());
    if (want_before) out.before.push_back(before.finish());
  }
  return {};
}

std::vector<column_ptr> accumulator_set::results(std::vector<row_error>& errors) {
  std::vector<column_ptr> columns;
  for (call& each : calls_) {
    column_builder builder(each.function->result_type(), groups_.size());
    each.function->append_results(builder, errors);
    columns.push_back(builder.finish());
  }
  return columns;
}

result<void> accumulator_set::end() {
  for (call& each : calls_) SYSTOLE_TRY(each.function->end());
  return {};
}

result<void> accumulator_set::erase(const accumulator_group& group) {
  for (call& each : calls_) {
    SYSTOLE_TRY(each.function->erase(group));
    if (each.distinct) SYSTOLE_TRY(each.distinct->erase(group));
  }
  return {};
}

}  // namespace systole
