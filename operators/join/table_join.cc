#include "operators/join/table_join.h"

#include "operators/join/changing_table_join.h"
#include "operators/join/join_columns.h"
#include "operators/join/table_side.h"

namespace systole {
namespace {

/// Input 0 is the stream, input 1 the table. The table is the same in every task and stands still once it is loaded, so
/// the result of a retracted row, computed again, is exactly what was emitted for it: no results are kept. Only rows of
/// the stream are counted: in = out + rejected + filtered. A table that changes is joined here with an append stream only:
/// nothing that was emitted is taken back (changing_table_join.h otherwise).
class table_join final : public stream_operator {
 public:
  table_join(const operator_context& context, const proto::TableJoin& plan, join_columns columns, join_keys stream_keys,
             table_side table)
      : context_(context),
        left_outer_(plan.left_outer()),
        reject_missing_(plan.reject_missing()),
        columns_(std::move(columns)),
        stream_keys_(std::move(stream_keys)),
        table_(std::move(table)) {}

  bool blocks_input(uint32_t index) const override { return index == 0 && !table_.complete(); }
  result<progress> process(batch rows, uint32_t input, output& out) override {
    if (input == 0) return join(rows, out);
    SYSTOLE_TRY(table_.load(rows, context_));
    return progress::done;
  }
  result<progress> on_end(uint32_t input, output&) override {
    if (input == 1) SYSTOLE_TRY(table_.on_end());
    return progress::done;
  }
  result<void> on_idle(uint32_t input) override { return input == 1 ? table_.on_idle() : result<void>(); }
  std::string snapshot() const override { return table_.snapshot(); }
  result<void> restore(std::string_view bytes) override { return table_.restore(bytes); }

 private:
  result<progress> join(const batch& rows, output& out);
  void apply_condition(const batch& rows, std::vector<uint8_t>& keep, output& out);
  batch joined(const batch& rows, std::span<const uint32_t> matches) const;

  operator_context context_;
  bool left_outer_, reject_missing_;
  join_columns columns_;
  join_keys stream_keys_;
  table_side table_;
  std::vector<uint32_t> matches_;  ///< per row of the batch: the table's row, or null_row
};

/// The compact batch: the stream's columns as they are, the table's by `matches`.
batch table_join::joined(const batch& rows, std::span<const uint32_t> matches) const {
  std::vector<column_ptr> columns;
  for (int each : columns_.left) columns.push_back(rows.share(static_cast<size_t>(each)));
  table_.append_matches(matches, columns);
  return rows.with_columns(std::move(columns));
}

void table_join::apply_condition(const batch& rows, std::vector<uint8_t>& keep, output& out) {
  std::vector<uint32_t> matched;
  for (uint32_t row = 0; row < rows.rows(); ++row)
    if (keep[row] && matches_[row] != null_row) matched.push_back(row);
  std::vector<row_error> errors;
  const column_ptr truth =
      columns_.condition->evaluate(joined(rows, matches_), evaluation_of(context_), errors, &matched);
  reject_failed(rows, errors, "expression", keep, out);
  for (uint32_t row : matched)
    if (truth->is_null(row) || !truth->values<uint8_t>()[row]) matches_[row] = null_row;
}

result<progress> table_join::join(const batch& rows, output& out) {
  SYSTOLE_TRY(table_.settle());
  context_.accounting->in += rows.rows();
  std::vector<uint8_t> keep(rows.rows(), 1);
  const encoded_keys& keys = stream_keys_.encode(rows, evaluation_of(context_), keep, out);
  matches_.resize(rows.rows());
  for (uint32_t row = 0; row < rows.rows(); ++row)
    matches_[row] = keep[row] && !keys.has_null(row) ? table_.find(keys.key(row)) : null_row;
  if (columns_.condition) apply_condition(rows, keep, out);
  std::vector<uint32_t> kept, kept_matches;
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    if (!keep[row]) continue;
    if (matches_[row] != null_row || left_outer_) {
      kept.push_back(row);
      kept_matches.push_back(matches_[row]);
    } else if (reject_missing_) {
      out.reject(rows, row, {"join_miss", "the table has no row with this key", {}});
    } else {
      ++context_.accounting->filtered;
    }
  }
  const batch pairs = joined(kept.size() == rows.rows() ? rows : gather(rows, kept), kept_matches);
  if (pairs.empty()) return progress::done;
  batch made = columns_.results.apply(pairs, out);
  context_.accounting->out += made.rows();
  if (!made.empty()) out.push(std::move(made));
  return progress::done;
}

}  // namespace

result<std::unique_ptr<stream_operator>> make_table_join(const proto::Node& node,
                                                         const std::vector<operator_input>& inputs,
                                                         const operator_context& context) {
  const proto::TableJoin& plan = node.table_join();
  if (inputs.size() != 2) return step_failure(context, "a table join takes a stream and a table");
  if (plan.left_outer() && plan.reject_missing())
    return step_failure(context,
                        "a left join has no missing rows to reject: use `type: inner` with `onMissing: reject`");
  const join_input stream{inputs[0].columns, plan.stream_alias()};
  join_input table{inputs[1].columns, plan.table_alias()};
  SYSTOLE_ASSIGN(std::vector<expression_ptr> stream_keys, bind_join_keys(context, stream, plan.stream_keys()));
  SYSTOLE_ASSIGN(std::vector<expression_ptr> table_keys, bind_join_keys(context, table, plan.table_keys()));
  for (const expression_ptr& each : table_keys)
    if (each->as_column() < 0)
      return step_failure(context,
                          "a table is joined by its primary key's columns, not by expressions: " + each->normalized());
  if (plan.left_outer())
    for (field& each : table.columns.fields) each.nullable = true;
  SYSTOLE_ASSIGN(join_columns columns, bind_join_columns(context, "expression", stream, table, plan.residual(), false,
                                                         plan.fields(), node.output()));
  row_layout table_layout;
  for (int each : columns.right) table_layout.types.push_back(table.columns.fields[static_cast<size_t>(each)].type);
  table_side side(join_keys(std::move(table_keys)), columns.right, std::move(table_layout), plan.table_changes(), plan.reemit());
  if (plan.keeps_results())
    return make_changing_table_join(node, stream, context, std::move(columns), join_keys(std::move(stream_keys)), std::move(side));
  return std::unique_ptr<stream_operator>(
      std::make_unique<table_join>(context, plan, std::move(columns), join_keys(std::move(stream_keys)), std::move(side)));
}

}  // namespace systole
