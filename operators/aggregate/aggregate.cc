#include "operators/aggregate/aggregate.h"

#include "operators/aggregate/aggregate_emission.h"

namespace systole {

result<std::unique_ptr<stream_operator>> make_aggregate(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                        const operator_context& context) {
  const proto::Aggregate& step = node.aggregate();
  const bool by_name = step.emit_final() || step.min_interval_us() > 0;
  SYSTOLE_ASSIGN(std::unique_ptr<aggregate_groups> groups, aggregate_groups::make(node, inputs, context, by_name));
  if (step.emit_final()) return make_aggregate_final(std::move(groups), node.output_changelog(), context);
  if (step.min_interval_us() > 0) {
    return make_aggregate_held(std::move(groups), step.min_interval_us(), node.omit_update_before(), context);
  }
  return make_aggregate_on_change(std::move(groups), step.emit_each_change(), node.omit_update_before());
}

}  // namespace systole
