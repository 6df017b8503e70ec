#include <algorithm>

#include "expr/bind/bind.h"
#include "expr/casts.h"
#include "expr/nearest.h"
#include "expr/null_count.h"
#include "expr/text/concatenation.h"

namespace systole {
namespace {

/// The overloads of a name for a hint: "lower(text)".
std::string signatures(std::string_view shown, const std::vector<const function_entry*>& entries) {
  std::string made;
  size_t listed = 0;
  for (const function_entry* entry : entries) {
    if (++listed > 6) return made + ", ...";
    if (!made.empty()) made += ", ";
    made += shown;
    made += '(';
    for (size_t i = 0; i < entry->arguments.size(); ++i) made += (i ? ", " : "") + sql_name(entry->arguments[i]);
    made += ')';
  }
  return made;
}

std::string function_hint(const std::string& name) {
  if (name == "now" || name == "clock_timestamp" || name == "current_timestamp" || name == "statement_timestamp" ||
      name == "getdate")
    return "use ingestion_time(): a result must not depend on when it is computed";
  if (name == "random" || name == "gen_random_uuid") return "a result must not depend on chance: use md5 of a key";
  if (name == "ifnull" || name == "isnull" || name == "nvl") return "use COALESCE(a, b)";
  if (name == "if" || name == "iif" || name == "decode") return "use CASE WHEN ... THEN ... ELSE ... END";
  if (name == "len") return "use length(x)";
  if (name == "instr" || name == "charindex") return "use strpos(x, part)";
  if (name == "substr") return "use substring(x, from, count)";
  if (name == "datediff") return "subtract: date - date gives days";
  if (name == "dateadd" || name == "date_add") return "add an interval: x + INTERVAL '1 day'";
  if (name == "regexp_like") return "use x ~ 'pattern'";
  if (name == "toupper" || name == "ucase") return "use upper(x)";
  return {};
}

}  // namespace

bound_value binder::bind_call(const syntax& from) {
  if (from.over) return refuse(from.offset, "a window function is not possible here", "use the over operator", "0A000");
  bool handled = false;
  bound_value special = bind_special(from, handled);
  if (handled) return special;
  const bool unknown_name = overloads(from.text).empty();
  if (unknown_name && is_aggregate_name(from.text))
    return refuse(from.offset, "the aggregate " + from.text + " is not possible here",
                  "aggregates stand in the fields of aggregate and window", "42803");
  if (from.star || from.distinct || from.filter || from.ordered || from.variadic)
    return refuse(from.offset,
                  from.text + " is not an aggregate: DISTINCT, FILTER, ORDER BY, VARIADIC and * do not go with it", {},
                  "42809");
  if (!from.names.empty())
    return refuse(from.offset, "named arguments are only possible in make_interval", {}, "0A000");
  // date(x), text(x): a type's name is a cast.
  if (unknown_name && from.children.size() == 1 && type_from_name(from.text, {}).type) {
    syntax cast;
    cast.kind = syntax_kind::cast;
    cast.offset = from.offset;
    cast.text = from.text;
    cast.children.push_back(clone(*from.children[0]));
    return bind_cast(cast);
  }
  auto arguments = bind_all(from.children);
  if (!arguments) return {};
  return apply_function(from.text, from.text, std::move(*arguments), from.offset);
}

bound_value binder::apply_function(const std::string& name, const std::string& shown,
                                   std::vector<bound_value> arguments, size_t offset) {
  const auto candidates = overloads(name);
  const std::string called = shown + "(" + type_list(arguments) + ")";
  if (candidates.empty()) {
    expression_error error{offset, "unknown function " + called, nearest_names(shown, function_names()),
                           function_hint(shown), "42883"};
    errors_.push_back(std::move(error));
    return {};
  }
  std::vector<type_id> types;
  for (const bound_value& each : arguments) types.push_back(each.resolution_type());
  const overload_choice choice = choose_overload(candidates, types, false);
  if (choice.ambiguous) return refuse(offset, "function " + called + " is not unique", "cast an argument", "42725");
  if (!choice.entry)
    return refuse(offset, "function " + called + " does not exist", "there is " + signatures(shown, candidates),
                  "42883");
  return call_entry(*choice.entry, std::move(arguments), offset);
}

bound_value binder::call_entry(const function_entry& entry, std::vector<bound_value> arguments, size_t offset) {
  std::vector<node_ptr> nodes;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const bool keep = !arguments[i].unknown && arguments[i].node->type().id == entry.arguments[i];
    node_ptr made =
        keep ? arguments[i].node : coerce(std::move(arguments[i]), {entry.arguments[i]}, coercion::implicit);
    if (!made) return {};
    nodes.push_back(std::move(made));
  }
  prepared_call prepared;
  if (entry.prepare) prepared = entry.prepare(nodes);
  if (!prepared.error.empty()) return refuse(offset, prepared.error, prepared.hint, prepared.sqlstate);
  return make(make_call_node(entry.run, {entry.result}, std::move(nodes), entry.traits, std::move(prepared.state)),
              offset);
}

bound_value binder::bind_special(const syntax& from, bool& handled) {
  handled = true;
  const std::string& name = from.text;
  if (name == "ingestion_time") {
    if (!from.children.empty()) return refuse(from.offset, "ingestion_time() takes no argument", {}, "42883");
    return make(make_ingestion_time_node(), from.offset);
  }
  if (name == "source_position") {
    if (!from.children.empty()) return refuse(from.offset, "source_position() takes no argument", {}, "42883");
    return make(make_source_position_node(), from.offset);
  }
  if (name == "param") return bind_parameter(from);
  if (name == "make_interval") return bind_make_interval(from);
  if (name == "regexp_match" || name == "regexp_matches")
    return refuse(from.offset, name + " gives an array: take one group of it", "write (regexp_match(x, 'pattern'))[1]",
                  "0A000");
  if (name == "concat" || name == "concat_ws" || name == "num_nulls" || name == "num_nonnulls") {
    const bool separated = name == "concat_ws";
    auto arguments = bind_all(from.children);
    if (!arguments) return {};
    if (arguments->size() < (separated ? size_t{2} : size_t{1}))
      return refuse(from.offset, "function " + name + "(" + type_list(*arguments) + ") does not exist",
                    "it needs more arguments", "42883");
    std::vector<node_ptr> nodes;
    for (bound_value& each : *arguments) nodes.push_back(each.node);
    if (name == "num_nulls" || name == "num_nonnulls")
      return make(make_null_count(std::move(nodes), name == "num_nulls"), from.offset);
    if (separated && nodes[0]->type().id != type_id::text)
      return refuse(from.offset, "function concat_ws(" + type_list(*arguments) + ") does not exist",
                    "the first argument is the separator, a text", "42883");
    for (node_ptr& each : nodes) each = make_output_text(std::move(each));
    return make(
        separated ? make_separated_concatenation(std::move(nodes)) : make_lenient_concatenation(std::move(nodes)),
        from.offset);
  }
  handled = false;
  return {};
}

bound_value binder::bind_parameter(const syntax& from) {
  if (from.children.size() != 1 || from.children[0]->kind != syntax_kind::text_literal)
    return refuse(from.offset, "param takes the name of a parameter as a text", "write param('name')", "42883");
  const std::string& name = from.children[0]->text;
  const parameter_map* parameters = scope_.parameters;
  const auto found = parameters ? parameters->find(name) : parameter_map::const_iterator();
  if (!parameters || found == parameters->end()) {
    std::vector<std::string> names;
    if (parameters)
      for (const auto& [each, value] : *parameters) names.push_back(each);
    errors_.push_back({from.children[0]->offset, "unknown parameter " + name, nearest_names(name, names),
                       "declare it under spec.parameters", "42704"});
    return {};
  }
  const parameter_value& value = found->second;
  if (!value.text) return make(make_null_node(value.type), from.offset);
  const constant_read read = read_constant(*value.text, value.type);
  if (read.problem)
    return refuse(from.offset, "parameter " + name + ": " + read.problem->reason,
                  "its value must be of type " + sql_name(value.type.id), read.problem->sqlstate);
  return make(make_constant_node(read.value), from.offset);
}

bound_value binder::bind_make_interval(const syntax& from) {
  static const std::vector<std::string> fields = {"years", "months", "weeks", "days", "hours", "mins", "secs"};
  std::vector<node_ptr> nodes(fields.size());
  for (size_t i = 0; i < from.children.size(); ++i) {
    size_t at = i;
    if (i < from.names.size() && !from.names[i].empty()) {
      at = static_cast<size_t>(std::find(fields.begin(), fields.end(), from.names[i]) - fields.begin());
      if (at == fields.size()) {
        errors_.push_back({from.offset,
                           "make_interval has no argument " + from.names[i],
                           nearest_names(from.names[i], fields),
                           {},
                           "42883"});
        return {};
      }
    }
    if (at >= fields.size() || nodes[at])
      return refuse(from.offset, "make_interval has too many arguments, or one twice", {}, "42883");
    nodes[at] = coerce(bind(*from.children[i]), {at == 6 ? type_id::float64 : type_id::int32}, coercion::implicit);
    if (!nodes[at]) return {};
  }
  for (size_t i = 0; i < nodes.size(); ++i)
    if (!nodes[i])
      nodes[i] = make_constant_node(read_constant("0", {i == 6 ? type_id::float64 : type_id::int32}).value);
  const function_entry* entry = overloads("#make_interval")[0];
  return make(make_call_node(entry->run, {entry->result}, std::move(nodes), entry->traits), from.offset);
}

bound_value binder::bind_subscript(const syntax& from) {
  const syntax& array = *from.children[0];
  const syntax& index = *from.children[1];
  const bool is_match = array.kind == syntax_kind::call && array.text == "regexp_match";
  if (!is_match)
    return refuse(from.offset, "only (regexp_match(x, 'pattern'))[n] has a subscript",
                  "nested fields are mapped in the schema", "0A000");
  if (index.kind != syntax_kind::integer_literal)
    return refuse(index.offset, "the subscript must be a number", "write [1]", "0A000");
  auto arguments = bind_all(array.children);
  if (!arguments) return {};
  arguments->push_back(bind(index));
  return apply_function("#regexp_match", "regexp_match", std::move(*arguments), from.offset);
}

}  // namespace systole
