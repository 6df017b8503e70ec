#include "expr/bind/bind.h"

#include <charconv>

#include "expr/casts.h"
#include "expr/logic.h"
#include "expr/nearest.h"
#include "expr/quoting.h"

namespace systole {
namespace {

template <class T>
node_ptr number_constant(data_type type, T value) {
  column_builder builder(type, 1);
  builder.append<T>(value);
  return make_constant_node(builder.finish());
}

std::string shown_name(const syntax& from) {
  return from.names.size() == 2 ? from.names[0] + "." + from.names[1] : from.names[0];
}

}  // namespace

std::string type_list(const std::vector<bound_value>& values) {
  std::string made;
  for (const bound_value& each : values) made += (made.empty() ? "" : ", ") + sql_name(each.resolution_type());
  return made;
}

bound_value binder::refuse(size_t offset, std::string message, std::string hint, std::string sqlstate) {
  errors_.push_back({offset, std::move(message), {}, std::move(hint), std::move(sqlstate)});
  return {};
}

bound_value binder::bind(const syntax& from) {
  switch (from.kind) {
    case syntax_kind::column: return bind_column(from);
    case syntax_kind::null_literal: return {make_null_node({type_id::text}), true, {}, from.offset, true};
    case syntax_kind::boolean_literal: return make(make_boolean_constant(from.text == "true"), from.offset);
    case syntax_kind::integer_literal:
    case syntax_kind::number_literal: return bind_number(from);
    case syntax_kind::text_literal: return {make_text_constant(from.text), true, from.text, from.offset, false};
    case syntax_kind::operation: return bind_operation(from);
    case syntax_kind::call: return bind_call(from);
    case syntax_kind::cast: return bind_cast(from);
    case syntax_kind::conjunction:
    case syntax_kind::disjunction:
    case syntax_kind::negation: return bind_logic(from);
    case syntax_kind::null_test: {
      const bound_value of = bind(*from.children[0]);
      return of ? make(make_null_test(of.node, from.negated), from.offset) : bound_value{};
    }
    case syntax_kind::boolean_test: return bind_boolean_test(from);
    case syntax_kind::distinct: return bind_distinct(from);
    case syntax_kind::null_if: return bind_null_if(from);
    case syntax_kind::in_list: return bind_in(from);
    case syntax_kind::between: return bind_between(from);
    case syntax_kind::case_when: return bind_case(from);
    case syntax_kind::coalesce: return bind_coalesce(from);
    case syntax_kind::greatest:
    case syntax_kind::least: return bind_extreme(from);
    case syntax_kind::subscript: return bind_subscript(from);
    case syntax_kind::array:
      return refuse(from.offset, "an array is only possible in = ANY(ARRAY[...])", "use IN (...)", "0A000");
  }
  return {};
}

std::optional<std::vector<bound_value>> binder::bind_all(const std::vector<syntax_ptr>& children, size_t from) {
  std::vector<bound_value> made;
  bool good = true;
  for (size_t i = from; i < children.size(); ++i) {
    made.push_back(bind(*children[i]));
    good &= static_cast<bool>(made.back());
  }
  if (!good) return std::nullopt;
  return made;
}

bound_value binder::bind_column(const syntax& from) {
  const std::string& name = from.names.back();
  const bool qualified = from.names.size() == 2;
  const scope_column* found = nullptr;
  size_t matches = 0;
  for (const scope_column& column : scope_.columns) {
    if (column.name != name || (qualified && column.qualifier != from.names[0])) continue;
    found = &column;
    ++matches;
  }
  if (matches == 1) return make(make_column_node(found->index, found->type, found->nullable), from.offset);
  if (matches > 1) {
    refuse(from.offset, "column " + name + " is ambiguous",
           "write it with its input's name: " + found->qualifier + "." + name, "42702");
    return {};
  }
  std::vector<std::string> names;
  bool known_qualifier = false, other_case = false;
  for (const scope_column& column : scope_.columns) {
    known_qualifier |= qualified && column.qualifier == from.names[0];
    names.push_back(qualified ? column.qualifier + "." + column.name : column.name);
    std::string small = column.name;
    for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    other_case |= small == name && small != column.name;
  }
  expression_error error{
      from.offset, "unknown column " + shown_name(from), nearest_names(shown_name(from), names), {}, "42703"};
  if (qualified && !known_qualifier) {
    error.message = "unknown input " + from.names[0] + " in " + shown_name(from);
    error.sqlstate = "42P01";
    error.hint = "a qualifier is the name that the step gives to an input";
  } else if (other_case) {
    error.hint = "names without double quotes are read in lower case: write it in double quotes";
  } else if (!qualified) {
    error.hint = "a text is written in single quotes: " + quote_literal(name);
  }
  errors_.push_back(std::move(error));
  return {};
}

bound_value binder::bind_number(const syntax& from) {
  const char* begin = from.text.data();
  const char* end = begin + from.text.size();
  int64_t whole = 0;
  if (const auto [stop, error] = std::from_chars(begin, end, whole); error == std::errc() && stop == end) {
    if (whole == static_cast<int32_t>(whole))
      return make(number_constant({type_id::int32}, static_cast<int32_t>(whole)), from.offset);
    return make(number_constant({type_id::int64}, whole), from.offset);
  }
  constant_read read = read_constant(from.text, {type_id::numeric});
  // A literal such as 1e300 has more digits than NUMERIC holds here; nobody means it exactly.
  if (read.problem && from.text.find_first_of("eE") != std::string::npos)
    read = read_constant(from.text, {type_id::float64});
  if (read.problem)
    return refuse(from.offset, std::string(read.problem->reason) + ": " + from.text, {}, read.problem->sqlstate);
  return make(make_constant_node(read.value), from.offset);
}

bound_value binder::bind_cast(const syntax& from) {
  const named_type target = type_from_name(from.text, from.modifiers);
  bound_value of = bind(*from.children[0]);
  if (!target.type) return refuse(from.offset, target.error, target.hint, target.bad_modifier ? "22023" : "42704");
  if (!of) return {};
  if (!coercion_level(of.resolution_type(), target.type->id))
    return refuse(from.offset,
                  "cannot cast type " + sql_name(of.resolution_type()) + " to " + sql_name(target.type->id), {},
                  "42846");
  node_ptr made = coerce(std::move(of), *target.type, coercion::explicit_only);
  if (!made) return {};
  if (target.length_limit > 0) made = make_length_cut(std::move(made), target.length_limit);
  return make(std::move(made), from.offset);
}

bound_value binder::bind_boolean_test(const syntax& from) {
  bound_value of = bind(*from.children[0]);
  if (!of) return {};
  if (of.resolution_type() != type_id::boolean && !of.unknown)
    return refuse(from.offset,
                  "argument of IS " + from.text + " must be type boolean, not type " + sql_name(of.resolution_type()),
                  {}, "42804");
  node_ptr value = coerce(std::move(of), {type_id::boolean}, coercion::implicit);
  if (!value) return {};
  const truth wanted = from.text == "TRUE" ? truth::is_true : from.text == "FALSE" ? truth::is_false : truth::unknown;
  return make(make_boolean_test(std::move(value), wanted, from.negated), from.offset);
}

node_ptr binder::coerce(bound_value value, data_type to, coercion most) {
  if (!value) return nullptr;
  if (value.unknown) {
    if (value.is_null_literal) return make_null_node(to);
    const constant_read read = read_constant(value.literal, to);
    if (!read.problem) return make_constant_node(read.value);
    refuse(value.offset, std::string(read.problem->reason) + ": " + quote_literal(value.literal),
           value.literal.empty() ? "NULL is written NULL, not ''" : "", read.problem->sqlstate);
    return nullptr;
  }
  const std::optional<coercion> level = coercion_level(value.node->type().id, to.id);
  if (!level || *level > most) {
    refuse(value.offset,
           "an expression of type " + sql_name(value.node->type().id) + " cannot be used as " + sql_name(to.id),
           level ? "cast it: CAST(... AS " + sql_name(to.id) + ")" : "", "42804");
    return nullptr;
  }
  return make_cast(std::move(value.node), to);
}

}  // namespace systole
