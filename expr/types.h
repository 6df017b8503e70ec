#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/type.h"

namespace systole {

/// When a cast happens by itself (PostgreSQL's pg_cast.castcontext).
enum class coercion : uint8_t { implicit, assignment, explicit_only };

/// How `from` becomes `to`; nothing where it cannot. Equal types are implicit.
std::optional<coercion> coercion_level(type_id from, type_id to);
inline bool is_implicit(type_id from, type_id to) { return coercion_level(from, to) == coercion::implicit; }

/// PostgreSQL's type categories, and which type is preferred in its own.
enum class type_category : uint8_t { boolean, number, text, time, span, bytes, unknown };
type_category category_of(type_id type);
bool is_preferred(type_id type);

/// The common type of CASE, COALESCE, IN, ... (documentation, chapter 10.5); nothing where there is none.
/// type_id::null stands for unknown; all unknown is text.
std::optional<type_id> common_type(std::span<const type_id> types);
/// NUMERIC(p,s) where all are that, else plain.
data_type common_modifier(type_id id, std::span<const data_type> types);

/// The SQL name in lower case, as PostgreSQL's messages have it: "integer", "timestamp with time zone", "unknown".
std::string sql_name(type_id type);
/// A type from the parser's name and modifiers ("int4", "numeric" with 10 and 2), or why it is none.
struct named_type {
  std::optional<data_type> type;
  int length_limit = -1;  ///< varchar(n)
  std::string error, hint;
  bool bad_modifier = false;  ///< the type is known, its modifier is wrong
};
named_type type_from_name(const std::string& name, const std::vector<int>& modifiers);

}  // namespace systole
