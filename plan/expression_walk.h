#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proto/plan.pb.h"

namespace systole {

/// Calls `visit` for each expression of a node, with the input that its columns are of: 0 or 1, or -1 where it sees both
/// inputs of a join, or -2 where it sees columns that the operation made itself (the fields of groups; of over, both).
void for_each_expression(const proto::Node& node, const std::function<void(const proto::Expression&, int)>& visit);
inline constexpr int both_inputs = -1;
inline constexpr int made_columns = -2;

/// The output columns that are given as a list of expressions; null for other operations.
google::protobuf::RepeatedPtrField<proto::NamedExpression>* output_fields(proto::Node& node);

/// The column (qualifier, name) that an expression is, where it is nothing else.
std::optional<std::pair<std::string, std::string>> bare_column(std::string_view sql);

}  // namespace systole
