#include "expr/types.h"

#include <algorithm>
#include <map>

#include "base/limits.h"

namespace systole {

std::optional<coercion> coercion_level(type_id from, type_id to) {
  using enum type_id;
  if (from == to || from == null) return coercion::implicit;
  if (from == text) return coercion::explicit_only;
  if (to == text) return coercion::assignment;
  switch (from) {
    case int32:
      if (to == int64 || to == float64 || to == numeric) return coercion::implicit;
      if (to == boolean) return coercion::explicit_only;
      return std::nullopt;
    case int64:
      if (to == float64 || to == numeric) return coercion::implicit;
      if (to == int32) return coercion::assignment;
      return std::nullopt;
    case float64:
      if (to == int32 || to == int64 || to == numeric) return coercion::assignment;
      return std::nullopt;
    case numeric:
      if (to == float64) return coercion::implicit;
      if (to == int32 || to == int64) return coercion::assignment;
      return std::nullopt;
    case boolean: return to == int32 ? std::optional(coercion::explicit_only) : std::nullopt;
    case date:
      if (to == timestamp || to == timestamptz) return coercion::implicit;
      return std::nullopt;
    case timestamp:
      if (to == timestamptz) return coercion::implicit;
      if (to == date) return coercion::assignment;
      return std::nullopt;
    case timestamptz:
      if (to == timestamp || to == date) return coercion::assignment;
      return std::nullopt;
    default: return std::nullopt;
  }
}

type_category category_of(type_id type) {
  switch (type) {
    case type_id::boolean: return type_category::boolean;
    case type_id::int32:
    case type_id::int64:
    case type_id::float64:
    case type_id::numeric: return type_category::number;
    case type_id::text: return type_category::text;
    case type_id::date:
    case type_id::timestamp:
    case type_id::timestamptz: return type_category::time;
    case type_id::interval: return type_category::span;
    case type_id::bytea: return type_category::bytes;
    case type_id::null: return type_category::unknown;
  }
  return type_category::unknown;
}

bool is_preferred(type_id type) {
  return type == type_id::boolean || type == type_id::float64 || type == type_id::text ||
         type == type_id::timestamptz || type == type_id::interval;
}

std::optional<type_id> common_type(std::span<const type_id> types) {
  std::optional<type_id> chosen;
  for (const type_id type : types) {
    if (type == type_id::null) continue;
    if (!chosen) {
      chosen = type;
    } else if (*chosen != type) {
      if (category_of(*chosen) != category_of(type)) return std::nullopt;
      if (!is_preferred(*chosen) && is_implicit(*chosen, type) && !is_implicit(type, *chosen)) chosen = type;
    }
  }
  if (!chosen) return type_id::text;
  for (const type_id type : types)
    if (!is_implicit(type, *chosen)) return std::nullopt;
  return chosen;
}

data_type common_modifier(type_id id, std::span<const data_type> types) {
  data_type common{id};
  bool first = true;
  for (const data_type& type : types) {
    if (type.id == type_id::null) continue;
    if (first) common = type;
    else if (common != type) return {id};
    first = false;
  }
  return common.id == id ? common : data_type{id};
}

std::string sql_name(type_id type) {
  switch (type) {
    case type_id::boolean: return "boolean";
    case type_id::int32: return "integer";
    case type_id::int64: return "bigint";
    case type_id::float64: return "double precision";
    case type_id::numeric: return "numeric";
    case type_id::text: return "text";
    case type_id::bytea: return "bytea";
    case type_id::date: return "date";
    case type_id::timestamptz: return "timestamp with time zone";
    case type_id::timestamp: return "timestamp without time zone";
    case type_id::interval: return "interval";
    case type_id::null: return "unknown";
  }
  return "?";
}

named_type type_from_name(const std::string& name, const std::vector<int>& modifiers) {
  static const std::map<std::string, type_id> names = {
      {"bool", type_id::boolean},        {"boolean", type_id::boolean},  {"int4", type_id::int32},
      {"int", type_id::int32},           {"integer", type_id::int32},    {"int8", type_id::int64},
      {"bigint", type_id::int64},        {"float8", type_id::float64},   {"numeric", type_id::numeric},
      {"decimal", type_id::numeric},     {"text", type_id::text},        {"varchar", type_id::text},
      {"bytea", type_id::bytea},         {"date", type_id::date},        {"timestamptz", type_id::timestamptz},
      {"timestamp", type_id::timestamp}, {"interval", type_id::interval}};
  static const std::map<std::string, std::string> hints = {{"int2", "use int"},
                                                           {"smallint", "use int"},
                                                           {"float4", "use double precision"},
                                                           {"real", "use double precision"},
                                                           {"bpchar", "use text"},
                                                           {"char", "use text"},
                                                           {"string", "use text"},
                                                           {"double", "write double precision"},
                                                           {"float", "write double precision"},
                                                           {"long", "use bigint"},
                                                           {"datetime", "use timestamptz"},
                                                           {"money", "use numeric(12,2)"},
                                                           {"time", "use a timestamp, or an interval since midnight"},
                                                           {"timetz", "use timestamptz"},
                                                           {"uuid", "use text"},
                                                           {"json", "map the fields in the schema"},
                                                           {"jsonb", "map the fields in the schema"}};
  named_type made;
  const auto found = names.find(name);
  if (found == names.end()) {
    made.error = "type \"" + name + "\" does not exist here";
    const auto hint = hints.find(name);
    made.hint = hint != hints.end()
                    ? hint->second
                    : "there are boolean, int, bigint, double precision, numeric(p,s), text, bytea, date, "
                      "timestamp, timestamptz and interval";
    return made;
  }
  data_type type{found->second};
  if (name == "varchar" && modifiers.size() == 1 && modifiers[0] > 0) {
    made.length_limit = modifiers[0];
  } else if (type.id == type_id::numeric && (modifiers.size() == 1 || modifiers.size() == 2)) {
    const int precision = modifiers[0], scale = modifiers.size() == 2 ? modifiers[1] : 0;
    if (precision < 1 || precision > limits::numeric_digits || scale < 0 || scale > precision) {
      made.error = "numeric(" + std::to_string(precision) + "," + std::to_string(scale) + ") is not possible";
      made.hint = "the precision is 1 to 38, the scale 0 to the precision";
      made.bad_modifier = true;
      return made;
    }
    type.precision = static_cast<uint8_t>(precision);
    type.scale = static_cast<uint8_t>(scale);
  } else if (!modifiers.empty() &&
             !((type.id == type_id::timestamp || type.id == type_id::timestamptz) && modifiers[0] == 6)) {
    made.bad_modifier = true;
    made.error = "type " + sql_name(type.id) + " takes no modifier here";
    made.hint = type.id == type_id::timestamp || type.id == type_id::timestamptz
                    ? "times have microseconds; use date_trunc"
                    : "leave it out";
    return made;
  }
  made.type = type;
  return made;
}

}  // namespace systole
