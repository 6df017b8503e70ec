#include "operators/filter.h"

#include "operators/step_expressions.h"

namespace systole {
namespace {

class filter final : public stream_operator {
 public:
  filter(expression_ptr predicate, const operator_context& context)
      : predicate_(std::move(predicate)), context_(context) {}

  result<progress> process(batch rows, uint32_t, output& out) override {
    context_.accounting->in += rows.rows();
    const column_ptr passes = predicate_->evaluate(rows, evaluation_of(context_), errors_);
    survivors_.clear();
    const uint8_t* truth = passes->values<uint8_t>();
    if (passes->may_have_nulls()) {
      for (uint32_t row = 0; row < rows.rows(); ++row)
        if (truth[row] && passes->is_valid(row)) survivors_.push_back(row);
    } else {
      survivors_.resize(rows.rows());
      size_t kept = 0;
      for (uint32_t row = 0; row < rows.rows(); ++row) {
        survivors_[kept] = row;
        kept += truth[row] != 0;
      }
      survivors_.resize(kept);
    }
    for (const row_error& each : errors_) out.reject(rows, each.row, {"expression", each.reason, each.sqlstate});
    context_.accounting->filtered += rows.rows() - survivors_.size() - errors_.size();
    context_.accounting->out += survivors_.size();
    errors_.clear();
    if (survivors_.size() == rows.rows()) {
      if (!rows.empty()) out.push(std::move(rows));
    } else if (!survivors_.empty()) {
      out.push(gather(rows, survivors_));
    }
    return progress::done;
  }

 private:
  expression_ptr predicate_;
  operator_context context_;
  std::vector<uint32_t> survivors_;
  std::vector<row_error> errors_;
};

}  // namespace

result<std::unique_ptr<stream_operator>> make_filter(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                     const operator_context& context) {
  SYSTOLE_ASSIGN(expression_ptr predicate,
                 bind_step_expression(node.filter().predicate(), step_scope(inputs[0].columns, context), context,
                                      "predicate", data_type{type_id::boolean}));
  return std::unique_ptr<stream_operator>(std::make_unique<filter>(std::move(predicate), context));
}

}  // namespace systole
