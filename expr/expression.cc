#include "expr/expression.h"

#include <algorithm>
#include <set>

#include "expr/bind/bind.h"
#include "expr/bind/parse.h"
#include "expr/casts.h"
#include "expr/column_edit.h"

namespace systole {
namespace {

class expression_of_nodes final : public bound_expression {
 public:
  expression_of_nodes(node_ptr root, std::string normalized)
      : root_(std::move(root)), normalized_(std::move(normalized)) {
    std::set<int> columns;
    collect(*root_, columns);
    columns_.assign(columns.begin(), columns.end());
  }

  data_type type() const override { return root_->type(); }
  bool nullable() const override { return root_->nullable(); }

  column_ptr evaluate(const batch& input, const evaluation_context& context, std::vector<row_error>& errors,
                      const std::vector<uint32_t>* chosen) const override {
    evaluation run(input, context);
    const selection rows = chosen ? selection::of(*chosen, input.rows()) : selection::everything(input.rows());
    column_ptr made = retype(root_->evaluate(run, rows), root_->type());
    std::vector<evaluation::failed_row>& failures = run.failures();
    if (failures.empty()) return made;
    const auto by_row = [](const auto& a, const auto& b) { return a.row < b.row; };
    std::stable_sort(failures.begin(), failures.end(), by_row);
    failures.erase(
        std::unique(failures.begin(), failures.end(), [](const auto& a, const auto& b) { return a.row == b.row; }),
        failures.end());
    for (const evaluation::failed_row& each : failures)
      errors.push_back({each.row, each.why->sqlstate, each.why->reason});
    return with_nulls(made, failures);
  }

  const std::vector<int>& columns() const override { return columns_; }
  bool reads_ingestion_time() const override { return reads_ingestion_time_; }
  bool deterministic() const override { return !reads_ingestion_time_; }
  int as_column() const override { return root_->as_column(); }
  column_ptr as_constant() const override { return root_->constant(); }
  std::string normalized() const override { return normalized_; }

 private:
  void collect(const node& of, std::set<int>& columns) {
    if (of.as_column() >= 0) columns.insert(of.as_column());
    reads_ingestion_time_ |= of.reads_ingestion_time();
    for (const node_ptr& child : of.children()) collect(*child, columns);
  }

  node_ptr root_;
  std::string normalized_;
  std::vector<int> columns_;
  bool reads_ingestion_time_ = false;
};

}  // namespace

expression_scope scope_of(const schema& columns, std::string_view qualifier) {
  expression_scope made;
  for (size_t i = 0; i < columns.fields.size(); ++i) {
    const field& each = columns.fields[i];
    made.columns.push_back({std::string(qualifier), each.name, each.type, each.nullable, static_cast<int>(i)});
  }
  return made;
}

bind_result bind_expression(std::string_view sql, const expression_scope& scope, std::optional<data_type> wanted) {
  bind_result made;
  parse_outcome parsed = parse_expression(sql);
  if (!parsed.tree) {
    made.errors = std::move(parsed.errors);
    return made;
  }
  binder binding(scope);
  bound_value value = binding.bind(*parsed.tree);
  node_ptr root;
  if (value) {
    const data_type own = value.unknown ? data_type{type_id::text} : value.node->type();
    root = binding.coerce(std::move(value), wanted.value_or(own), coercion::assignment);
  }
  made.errors = binding.take_errors();
  if (root && made.errors.empty())
    made.expression = std::make_shared<expression_of_nodes>(std::move(root), print(*parsed.tree));
  return made;
}

result<column_ptr> parse_constant(std::string_view text, data_type type) {
  constant_read read = read_constant(text, type);
  if (read.problem) return fail(error_code::data, read.problem->reason, read.problem->sqlstate);
  return read.value;
}

}  // namespace systole
