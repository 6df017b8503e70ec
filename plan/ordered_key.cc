#include "plan/ordered_key.h"

#include "plan/expression_binder.h"
#include "plan/sql_tokens.h"

namespace systole {

std::optional<std::vector<expression_ptr>> bind_expressions(step_site& site, const yaml_node& list,
                                                            std::vector<const yaml_node*>& scalars) {
  expression_binder binder(site.context);
  const stream& input = *site.inputs[0];
  std::vector<expression_ptr> bound;
  bool ok = true;
  for (const yaml_node& item : list.items) {
    expression_ptr one = binder.bind(item, scope_of(input.columns));
    if (!one || !binder.check_deterministic(item, *one, input)) ok = false;
    bound.push_back(std::move(one));
    scalars.push_back(&item);
  }
  return ok ? std::optional(std::move(bound)) : std::nullopt;
}

bool bind_order(step_site& site, const yaml_node& list, google::protobuf::RepeatedPtrField<proto::OrderBy>& made) {
  expression_binder binder(site.context);
  const stream& input = *site.inputs[0];
  bool ok = true;
  for (const yaml_node& item : list.items) {
    order_parts parts = split_order(item.text);
    yaml_node expression = item;
    expression.text = std::string(parts.expression);
    expression_ptr bound = binder.bind(expression, scope_of(input.columns));
    if (!bound || !binder.check_deterministic(expression, *bound, input)) ok = false;
    proto::OrderBy* order = made.Add();
    *order->mutable_value() = binder.message(expression);
    order->set_descending(parts.descending);
    order->set_nulls_first(parts.nulls_first);
  }
  return ok;
}

}  // namespace systole
