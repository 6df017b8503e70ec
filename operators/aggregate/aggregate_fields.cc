#include "operators/aggregate/aggregate_fields.h"

#include <algorithm>

namespace systole {

result<aggregate_fields> aggregate_fields::make(const proto::Node& node, const schema& columns,
                                                const operator_context& context) {
  aggregate_fields made;
  made.context_ = context;
  const expression_scope scope = step_scope(columns, context);
  const schema wanted = from_proto(node.output());
  google::protobuf::RepeatedPtrField<proto::NamedExpression> sources = node.aggregate().fields();
  if (sources.empty()) {
    for (const field& each : columns.fields) {
      proto::NamedExpression* added = sources.Add();
      added->set_name(each.name);
      added->mutable_value()->set_sql("\"" + each.name + "\"");
    }
  }
  SYSTOLE_ASSIGN(made.fields_, bind_step_fields(sources, scope, context, &wanted));
  made.bare_ = std::all_of(made.fields_.begin(), made.fields_.end(),
                           [](const expression_ptr& each) { return each->as_column() >= 0; });
  return made;
}

std::vector<data_type> aggregate_fields::types() const {
  std::vector<data_type> types;
  for (const expression_ptr& each : fields_) types.push_back(each->type());
  return types;
}

std::vector<column_ptr> aggregate_fields::project(const batch& inputs, std::vector<uint8_t>& has,
                                                  std::vector<row_error> errors, output* report) const {
  std::vector<column_ptr> columns;
  std::vector<uint32_t> selection;
  const bool all = std::find(has.begin(), has.end(), 0) == has.end();
  if (!all && !bare_)
    for (uint32_t row = 0; row < inputs.rows(); ++row)
      if (has[row]) selection.push_back(row);
  std::vector<row_error> found;
  for (const expression_ptr& each : fields_) {
    if (const int index = each->as_column(); index >= 0) {
      columns.push_back(inputs.share(static_cast<size_t>(index)));
      continue;
    }
    columns.push_back(each->evaluate(inputs, evaluation_of(context_), found, all ? nullptr : &selection));
    errors.insert(errors.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    found.clear();
  }
  for (const row_error& each : errors) {
    if (!std::exchange(has[each.row], uint8_t{0}) || !report) continue;
    report->reject(inputs, each.row, {failed_result_rule, each.reason, each.sqlstate});
  }
  return columns;
}

}  // namespace systole
