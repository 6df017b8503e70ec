#include "data/type.h"

#include <array>
#include <charconv>
#include <utility>

#include "base/limits.h"

namespace systole {
namespace {

constexpr std::pair<std::string_view, type_id> names[] = {
    {"boolean", type_id::boolean},
    {"bool", type_id::boolean},
    {"int", type_id::int32},
    {"integer", type_id::int32},
    {"int4", type_id::int32},
    {"bigint", type_id::int64},
    {"int8", type_id::int64},
    {"double precision", type_id::float64},
    {"double", type_id::float64},
    {"float8", type_id::float64},
    {"float", type_id::float64},
    {"numeric", type_id::numeric},
    {"decimal", type_id::numeric},
    {"text", type_id::text},
    {"varchar", type_id::text},
    {"character varying", type_id::text},
    {"string", type_id::text},
    {"bytea", type_id::bytea},
    {"date", type_id::date},
    {"timestamptz", type_id::timestamptz},
    {"timestamp with time zone", type_id::timestamptz},
    {"timestamp", type_id::timestamp},
    {"timestamp without time zone", type_id::timestamp},
    {"interval", type_id::interval},
};

/// PostgreSQL's names that Systole has no type for, and what to write instead.
constexpr std::pair<std::string_view, std::string_view> refused[] = {
    {"smallint", "use int"},
    {"int2", "use int"},
    {"real", "use double precision"},
    {"float4", "use double precision"},
    {"char", "use text"},
    {"character", "use text"},
    {"bpchar", "use text"},
    {"uuid", "use text"},
    {"money", "use numeric(p,s)"},
    {"time", "use text"},
    {"json", "not in this build; use text"},
    {"jsonb", "not in this build; use text"},
    {"array", "not in this build"},
    {"struct", "not in this build"},
};

/// Lower case, outer blanks cut, inner ones as one; none beside parentheses and commas.
std::string normalized(std::string_view name) {
  std::string out;
  bool blank = false;
  for (char c : name) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      blank = true;
      continue;
    }
    const bool mark = c == '(' || c == ')' || c == ',';
    if (blank && !out.empty() && !mark && out.back() != '(' && out.back() != ',') out.push_back(' ');
    blank = false;
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return out;
}

failure wrong(std::string_view name, std::string_view why) {
  return fail(error_code::invalid_argument, "type '" + std::string(name.substr(0, 64)) + "': " + std::string(why));
}

/// Takes "(a)" or "(a,b)" out of `name`; -1 for a number that is not given; nothing where they are malformed.
bool take_modifiers(std::string& name, std::array<int, 2>& modifiers) {
  const size_t open = name.find('(');
  if (open == std::string::npos) return true;
  const size_t close = name.find(')', open);
  if (close == std::string::npos) return false;
  const char* at = name.data() + open + 1;
  const char* const end = name.data() + close;
  for (size_t i = 0; i < modifiers.size(); ++i) {
    const auto [next, error] = std::from_chars(at, end, modifiers[i]);
    if (error != std::errc() || modifiers[i] < 0) return false;
    at = next;
    if (at == end) break;
    if (*at != ',' || i + 1 == modifiers.size()) return false;
    ++at;
  }
  if (at != end) return false;
  name.erase(open, close - open + 1);  // "timestamp(6) with time zone" keeps its tail
  return true;
}

}  // namespace

std::string to_string(data_type type) {
  switch (type.id) {
    case type_id::boolean: return "BOOLEAN";
    case type_id::int32: return "INT";
    case type_id::int64: return "BIGINT";
    case type_id::float64: return "DOUBLE PRECISION";
    case type_id::numeric:
      if (type.precision == 0) return "NUMERIC";
      return "NUMERIC(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    case type_id::text: return "TEXT";
    case type_id::bytea: return "BYTEA";
    case type_id::date: return "DATE";
    case type_id::timestamptz: return "TIMESTAMPTZ";
    case type_id::timestamp: return "TIMESTAMP";
    case type_id::interval: return "INTERVAL";
    case type_id::null: return "NULL";
  }
  return "?";
}

result<data_type> parse_type(std::string_view name) {
  if (name.size() > 256) return wrong(name, "unknown type");
  std::string base = normalized(name);
  std::array<int, 2> modifiers = {-1, -1};
  if (!take_modifiers(base, modifiers)) return wrong(name, "malformed, write as in numeric(10,2)");
  for (const auto& [refused_name, hint] : refused)
    if (base == refused_name) return wrong(name, hint);
  if (base.ends_with("[]")) return wrong(name, "arrays are not in this build");
  const std::pair<std::string_view, type_id>* found = nullptr;
  for (const auto& each : names)
    if (base == each.first) found = &each;
  if (!found) {
    return wrong(name,
                 "unknown type; known are boolean, int, bigint, double precision, numeric(p,s), text, bytea, date, "
                 "timestamptz, timestamp, interval");
  }
  const auto [precision, scale] = modifiers;
  switch (found->second) {
    case type_id::numeric: {
      if (precision == -1) return data_type{type_id::numeric};
      if (precision < 1 || precision > limits::numeric_digits) return wrong(name, "the precision must be 1 to 38");
      if (scale > precision) return wrong(name, "the scale must be 0 to the precision");
      return data_type{type_id::numeric, static_cast<uint8_t>(precision),
                       static_cast<uint8_t>(scale == -1 ? 0 : scale)};
    }
    case type_id::timestamptz:
    case type_id::timestamp:
      if (scale != -1 || (precision != -1 && precision != 6))
        return wrong(name, "times have microseconds, (6) or nothing");
      break;
    case type_id::text:
      if (precision != -1) return wrong(name, "text has no length; use text and a validation rule");
      break;
    default:
      if (precision != -1) return wrong(name, "this type takes no number in parentheses");
  }
  return data_type{found->second};
}

}  // namespace systole
