#include "operators/project.h"

#include "operators/step_expressions.h"

namespace systole {
namespace {

class project final : public stream_operator {
 public:
  project(std::vector<expression_ptr> fields, const operator_context& context)
      : fields_(std::move(fields)), context_(context) {}

  result<progress> process(batch rows, uint32_t, output& out) override {
    context_.accounting->in += rows.rows();
    std::vector<column_ptr> columns;
    evaluate_or_reject(fields_, rows, context_, columns, out);
    context_.accounting->out += rows.rows();
    if (!rows.empty()) out.push(rows.with_columns(std::move(columns)));
    return progress::done;
  }

 private:
  std::vector<expression_ptr> fields_;
  operator_context context_;
};

}  // namespace

result<std::unique_ptr<stream_operator>> make_project(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                      const operator_context& context) {
  const schema wanted = from_proto(node.output());
  SYSTOLE_ASSIGN(std::vector<expression_ptr> fields,
                 bind_step_fields(node.project().fields(), step_scope(inputs[0].columns, context), context, &wanted));
  return std::unique_ptr<stream_operator>(std::make_unique<project>(std::move(fields), context));
}

}  // namespace systole
