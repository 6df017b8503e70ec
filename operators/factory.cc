#include "operators/factory.h"

#include "operators/aggregate/aggregate.h"
#include "operators/deduplicate.h"
#include "operators/expand.h"
#include "operators/filter.h"
#include "operators/join/interval_join.h"
#include "operators/join/regular_join.h"
#include "operators/join/table_join.h"
#include "operators/over/over.h"
#include "operators/project.h"
#include "operators/union.h"
#include "operators/validate.h"
#include "operators/window/window.h"

namespace systole {

result<std::unique_ptr<stream_operator>> make_operator(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                       const operator_context& context) {
  switch (node.operation_case()) {
    case proto::Node::kFilter: return make_filter(node, inputs, context);
    case proto::Node::kProject: return make_project(node, inputs, context);
    case proto::Node::kValidate: return make_validate(node, inputs, context);
    case proto::Node::kExpand: return make_expand(node, inputs, context);
    case proto::Node::kDeduplicate: return make_deduplicate(node, inputs, context);
    case proto::Node::kAggregate: return make_aggregate(node, inputs, context);
    case proto::Node::kWindow: return make_window(node, inputs, context);
    case proto::Node::kIntervalJoin: return make_interval_join(node, inputs, context);
    case proto::Node::kRegularJoin: return make_regular_join(node, inputs, context);
    case proto::Node::kTableJoin: return make_table_join(node, inputs, context);
    case proto::Node::kOver: return make_over(node, inputs, context);
    case proto::Node::kUnion: return make_union(node, inputs, context);
    case proto::Node::kSource: case proto::Node::kSink: case proto::Node::OPERATION_NOT_SET: break;
  }
  return fail(error_code::invalid_argument, "step " + context.step + ": node " + std::to_string(node.id()) +
                                                " is no operator (a source, a sink or nothing)");
}

data_type from_proto(const proto::DataType& type) {
  return {static_cast<type_id>(type.id()), static_cast<uint8_t>(type.precision()), static_cast<uint8_t>(type.scale())};
}

schema from_proto(const proto::Schema& columns) {
  schema made;
  for (const proto::Field& each : columns.fields())
    made.fields.push_back({each.name(), from_proto(each.type()), !each.not_null()});
  return made;
}

proto::DataType to_proto(data_type type) {
  proto::DataType made;
  made.set_id(static_cast<uint32_t>(type.id));
  made.set_precision(type.precision);
  made.set_scale(type.scale);
  return made;
}

proto::Schema to_proto(const schema& columns) {
  proto::Schema made;
  for (const field& each : columns.fields) {
    proto::Field* added = made.add_fields();
    added->set_name(each.name);
    *added->mutable_type() = to_proto(each.type);
    added->set_not_null(!each.nullable);
  }
  return made;
}

}  // namespace systole
