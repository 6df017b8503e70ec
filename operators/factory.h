#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "operators/operator.h"
#include "proto/plan.pb.h"

namespace systole {

/// One input of an operator as the plan knows it.
struct operator_input {
  schema columns;
  bool changelog = false;
  std::vector<std::string> upsert_key;
};

/// Makes a node's operator (any node but sources and sinks); errors name the step.
result<std::unique_ptr<stream_operator>> make_operator(const proto::Node& node, const std::vector<operator_input>& inputs,
                                                       const operator_context& context);

/// The C++ forms of plan messages.
data_type from_proto(const proto::DataType& type);
schema from_proto(const proto::Schema& columns);
proto::DataType to_proto(data_type type);
proto::Schema to_proto(const schema& columns);

}  // namespace systole
