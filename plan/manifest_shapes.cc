#include <deque>

#include "plan/manifest_table.h"

namespace systole::manifest_table {
namespace {

/// Shapes that others point to; made once, while the table's statics are.
const value_shape* keep(value_shape shape) {
  static std::deque<value_shape> kept;
  return &kept.emplace_back(std::move(shape));
}

value_shape of_kind(value_kind kind) {
  value_shape shape;
  shape.kind = kind;
  return shape;
}

}  // namespace

value_shape text() { return of_kind(value_kind::text); }
value_shape name() { return of_kind(value_kind::name); }
value_shape identifier() { return of_kind(value_kind::identifier); }
value_shape expression() { return of_kind(value_kind::expression); }
value_shape boolean() { return of_kind(value_kind::boolean); }
value_shape duration() { return of_kind(value_kind::duration); }
value_shape size() { return of_kind(value_kind::size); }
value_shape anything() { return of_kind(value_kind::anything); }

value_shape integer(double minimum, double maximum) {
  value_shape shape = of_kind(value_kind::integer);
  shape.minimum = minimum;
  shape.maximum = maximum;
  return shape;
}
value_shape number(double minimum, double maximum) {
  value_shape shape = integer(minimum, maximum);
  shape.kind = value_kind::number;
  return shape;
}
value_shape choice(std::vector<std::string_view> choices) {
  value_shape shape = of_kind(value_kind::choice);
  shape.choices = std::move(choices);
  return shape;
}
field_descriptor not_yet(std::string_view key, std::string_view description, bool is_alternative) {
  constexpr bool later = false;
  return {key, anything(), description, false, {}, is_alternative, later};
}
value_shape object(const object_descriptor& descriptor) {
  value_shape shape = of_kind(value_kind::object);
  shape.object = &descriptor;
  return shape;
}
value_shape list_of(value_shape element, bool may_be_empty) {
  value_shape shape = of_kind(value_kind::list);
  shape.element = keep(std::move(element));
  shape.may_be_empty = may_be_empty;
  return shape;
}
value_shape map_of(value_kind names, value_shape element, bool may_be_empty) {
  value_shape shape = of_kind(value_kind::map_of);
  shape.names = names;
  shape.element = keep(std::move(element));
  shape.may_be_empty = may_be_empty;
  return shape;
}
value_shape either(std::vector<value_shape> alternatives) {
  value_shape shape = of_kind(value_kind::either);
  for (value_shape& alternative : alternatives) shape.alternatives.push_back(keep(std::move(alternative)));
  return shape;
}

}  // namespace systole::manifest_table
