#include "operators/validate.h"

#include <algorithm>

#include "operators/rule_flags.h"
#include "operators/step_expressions.h"

namespace systole {
namespace {

struct repair {
  size_t column;
  expression_ptr value;
};

struct rule {
  std::string id;
  expression_ptr check;
  expression_ptr message;  ///< null for none
  std::vector<repair> repairs;
};

/// Appends the rows where the check is not TRUE; an error makes it NULL, so a failed check is among them.
void find_violations(const column& check, std::vector<uint32_t>& rows) {
  rows.clear();
  const uint8_t* truth = check.values<uint8_t>();
  for (uint32_t row = 0; row < check.size(); ++row)
    if (!truth[row] || check.is_null(row)) rows.push_back(row);
}

class validate_and_reject final : public stream_operator {
 public:
  validate_and_reject(std::vector<rule> rules, const operator_context& context)
      : rules_(std::move(rules)), context_(context) {}

  result<progress> process(batch rows, uint32_t, output& out) override {
    context_.accounting->in += rows.rows();
    violations_.clear();
    for (size_t index = 0; index < rules_.size(); ++index) check_rule(index, rows);
    if (violations_.empty()) {
      context_.accounting->out += rows.rows();
      if (!rows.empty()) out.push(std::move(rows));
      return progress::done;
    }
    // By row, and within a row in the rules' order.
    std::stable_sort(violations_.begin(), violations_.end(),
                     [](const violation& a, const violation& b) { return a.row < b.row; });
    std::vector<uint32_t> survivors;
    size_t next = 0;
    for (uint32_t row = 0; row < rows.rows(); ++row) {
      if (next == violations_.size() || violations_[next].row != row) survivors.push_back(row);
      else next = reject(rows, next, out);
    }
    context_.accounting->out += survivors.size();
    if (!survivors.empty()) out.push(gather(rows, survivors));
    return progress::done;
  }

 private:
  struct violation {
    uint32_t row;
    size_t rule;
    std::string message;   ///< empty for none
    std::string sqlstate;  ///< of a check that failed
  };

  void check_rule(size_t index, const batch& rows) {
    const rule& each = rules_[index];
    std::vector<row_error> errors;
    const column_ptr check = each.check->evaluate(rows, evaluation_of(context_), errors);
    find_violations(*check, violating_);
    if (violating_.empty()) return;
    column_ptr messages;
    if (each.message) {
      // A message that fails is left out: the rule's id says what is wrong.
      std::vector<row_error> message_errors;
      messages = each.message->evaluate(rows, evaluation_of(context_), message_errors, &violating_);
    }
    size_t next_error = 0;
    for (const uint32_t row : violating_) {
      while (next_error < errors.size() && errors[next_error].row < row) ++next_error;
      violation found{row, index, {}, {}};
      if (next_error < errors.size() && errors[next_error].row == row) {
        found.message = errors[next_error].reason;
        found.sqlstate = errors[next_error].sqlstate;
      } else if (messages && messages->is_valid(row)) {
        found.message = messages->text(row);
      }
      violations_.push_back(std::move(found));
    }
  }

  /// Rejects the row of violations_[first] with all its violations; returns the first one of the next row.
  size_t reject(const batch& rows, size_t first, output& out) {
    std::string ids, reasons, sqlstate;
    size_t next = first;
    for (; next < violations_.size() && violations_[next].row == violations_[first].row; ++next) {
      const violation& each = violations_[next];
      const std::string& id = rules_[each.rule].id;
      if (next != first) ids += ";", reasons += "; ";
      ids += id;
      reasons += each.message.empty() ? id : id + ": " + each.message;
      if (sqlstate.empty()) sqlstate = each.sqlstate;
    }
    out.reject(rows, violations_[first].row, {ids, reasons, sqlstate});
    return next;
  }

  std::vector<rule> rules_;
  operator_context context_;
  std::vector<uint32_t> violating_;
  std::vector<violation> violations_;
};

class validate_and_flag final : public stream_operator {
 public:
  validate_and_flag(std::vector<rule> rules, rule_flags flags, size_t flag_column, const operator_context& context)
      : rules_(std::move(rules)), flags_(std::move(flags)), flag_column_(flag_column), context_(context) {}

  result<progress> process(batch rows, uint32_t, output& out) override {
    context_.accounting->in += rows.rows();
    std::vector<row_error> errors;
    batch repaired = apply_rules(rows, errors);
    while (!errors.empty()) {
      rows = reject_failed_rows(rows, errors, out);
      repaired = apply_rules(rows, errors);
    }
    if (rows.empty()) return progress::done;
    context_.accounting->out += rows.rows();
    context_.accounting->flagged += flags_.count(context_.accounting->by_rule);
    std::vector<column_ptr> columns = repaired.columns();
    column_ptr flags = flags_.make_column();
    if (flag_column_ < columns.size()) columns[flag_column_] = std::move(flags);
    else columns.push_back(std::move(flags));
    out.push(repaired.with_columns(std::move(columns)));
    return progress::done;
  }

 private:
  batch apply_rules(batch rows, std::vector<row_error>& errors) {
    flags_.start(rows.rows());
    for (size_t index = 0; index < rules_.size(); ++index) {
      const column_ptr check = evaluate(*rules_[index].check, rows, errors, nullptr);
      find_violations(*check, violating_);
      flags_.add(index, violating_);
      if (!violating_.empty() && !rules_[index].repairs.empty()) rows = apply_repairs(rules_[index].repairs, rows, errors);
    }
    return rows;
  }

  batch apply_repairs(const std::vector<repair>& repairs, const batch& rows, std::vector<row_error>& errors) {
    std::vector<column_ptr> columns = rows.columns();
    for (const repair& each : repairs) {
      const column_ptr values = evaluate(*each.value, rows, errors, &violating_);
      columns[each.column] = scatter(columns[each.column], values);
    }
    return rows.with_columns(std::move(columns));
  }

  /// `into` with the values of the violating rows: a gather from both columns together.
  column_ptr scatter(const column_ptr& into, const column_ptr& values) {
    const auto rows = static_cast<uint32_t>(into->size());
    picked_.resize(rows);
    for (uint32_t row = 0; row < rows; ++row) picked_[row] = row;
    for (const uint32_t row : violating_) picked_[row] = rows + row;
    const column_ptr both[] = {into, values};
    return gather(*concatenate(both), picked_);
  }

  column_ptr evaluate(const bound_expression& expression, const batch& rows, std::vector<row_error>& errors,
                      const std::vector<uint32_t>* selection) {
    std::vector<row_error> found;
    column_ptr values = expression.evaluate(rows, evaluation_of(context_), found, selection);
    errors.insert(errors.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    return values;
  }

  std::vector<rule> rules_;
  rule_flags flags_;
  size_t flag_column_;
  operator_context context_;
  std::vector<uint32_t> violating_;
  std::vector<uint32_t> picked_;
};

result<rule> bind_rule(const proto::Rule& source, const schema& columns, const operator_context& context) {
  const expression_scope scope = step_scope(columns, context);
  rule made;
  made.id = source.id();
  SYSTOLE_ASSIGN(made.check, bind_step_expression(source.check(), scope, context, "rule " + source.id(),
                                                  data_type{type_id::boolean}));
  if (!source.message().sql().empty()) {
    SYSTOLE_ASSIGN(made.message, bind_step_expression(source.message(), scope, context, "message of rule " + source.id(),
                                                      data_type{type_id::text}));
  }
  for (const proto::NamedExpression& each : source.repairs()) {
    const int index = columns.find(each.name());
    if (index < 0) return step_failure(context, "rule " + source.id() + " repairs no column of its input: " + each.name());
    const auto column = static_cast<size_t>(index);
    SYSTOLE_ASSIGN(expression_ptr value, bind_step_expression(each.value(), scope, context, "repair of " + each.name(),
                                                              columns.fields[column].type));
    made.repairs.push_back({column, std::move(value)});
  }
  return made;
}

}  // namespace

result<std::unique_ptr<stream_operator>> make_validate(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                       const operator_context& context) {
  const proto::Validate& step = node.validate();
  const schema& columns = inputs[0].columns;
  std::vector<rule> rules;
  std::vector<std::string> ids;
  for (const proto::Rule& each : step.rules()) {
    SYSTOLE_ASSIGN(rule bound, bind_rule(each, columns, context));
    ids.push_back(bound.id);
    rules.push_back(std::move(bound));
  }
  if (!step.flag()) {
    return std::unique_ptr<stream_operator>(std::make_unique<validate_and_reject>(std::move(rules), context));
  }
  const int flag_column = columns.find(step.flag_column());
  if (flag_column >= 0 && !columns.fields[static_cast<size_t>(flag_column)].type.is(type_id::text)) {
    return step_failure(context, "the flag column " + step.flag_column() + " is not TEXT in the input");
  }
  return std::unique_ptr<stream_operator>(std::make_unique<validate_and_flag>(
      std::move(rules), rule_flags(std::move(ids), step.separator(), step.none()),
      flag_column < 0 ? columns.fields.size() : static_cast<size_t>(flag_column), context));
}

}  // namespace systole
