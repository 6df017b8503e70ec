#include "operators/union.h"

#include <algorithm>

#include "operators/step_expressions.h"

namespace systole {
namespace {

column_ptr all_inserts(size_t rows) {
  column_builder kinds(hidden_types[static_cast<size_t>(hidden::kind)], rows);
  std::fill_n(kinds.mutable_values<uint8_t>(), rows, static_cast<uint8_t>(row_kind::insert));
  kinds.set_size(rows);
  return kinds.finish();
}

class union_all final : public stream_operator {
 public:
  union_all(std::vector<std::vector<size_t>> order, bool changelog, const operator_context& context)
      : order_(std::move(order)), changelog_(changelog), context_(context) {}

  result<progress> process(batch rows, uint32_t input, output& out) override {
    context_.accounting->in += rows.rows();
    context_.accounting->out += rows.rows();
    if (rows.empty()) return progress::done;
    if (!order_[input].empty()) {
      std::vector<column_ptr> columns;
      for (size_t index : order_[input]) columns.push_back(rows.share(index));
      rows = rows.with_columns(std::move(columns));
    }
    if (changelog_ && !rows.has(hidden::kind)) rows.set_hidden(hidden::kind, all_inserts(rows.rows()));
    out.push(std::move(rows));
    return progress::done;
  }

 private:
  std::vector<std::vector<size_t>> order_;  ///< by input: where each output column is; empty where it is in place
  bool changelog_;
  operator_context context_;
};

}  // namespace

result<std::unique_ptr<stream_operator>> make_union(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                    const operator_context& context) {
  const schema wanted = node.has_output() ? from_proto(node.output()) : inputs[0].columns;
  std::vector<std::vector<size_t>> order;
  bool changelog = node.output_changelog();
  for (const operator_input& input : inputs) {
    changelog = changelog || input.changelog;
    std::vector<size_t> indices;
    for (const field& each : wanted.fields) {
      const int index = input.columns.find(each.name);
      if (index < 0 || input.columns.fields[static_cast<size_t>(index)].type != each.type) {
        return step_failure(context, "input " + std::to_string(order.size()) + " of the union has no column " + each.name +
                                         " of type " + to_string(each.type));
      }
      indices.push_back(static_cast<size_t>(index));
    }
    const bool in_place = indices.size() == input.columns.fields.size() && std::is_sorted(indices.begin(), indices.end());
    order.push_back(in_place ? std::vector<size_t>() : std::move(indices));
  }
  return std::unique_ptr<stream_operator>(std::make_unique<union_all>(std::move(order), changelog, context));
}

}  // namespace systole
