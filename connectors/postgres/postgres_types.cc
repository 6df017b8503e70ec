#include "connectors/postgres/postgres_types.h"

namespace systole {
namespace {

// Object ids of pg_type.dat; fixed for ever.
constexpr uint32_t oid_bool = 16, oid_bytea = 17, oid_int8 = 20, oid_int4 = 23, oid_text = 25, oid_float8 = 701,
                   oid_varchar = 1043, oid_date = 1082, oid_timestamptz = 1184, oid_interval = 1186, oid_numeric = 1700;

/// What atttypmod adds to a length or to a packed precision and scale (VARHDRSZ).
constexpr int32_t modifier_base = 4;

/// Whether NUMERIC with this modifier keeps every digit behind the point. Digits before it are a row's matter.
bool keeps_scale(data_type from, int32_t modifier) {
  if (modifier < modifier_base) return true;
  if (from.id == type_id::numeric && from.precision == 0) return false;
  // numeric.c, make_numeric_typmod: scale in 11 bits, signed.
  const int32_t scale = (((modifier - modifier_base) & 0x7ff) ^ 1024) - 1024;
  return scale >= (from.id == type_id::numeric ? from.scale : 0);
}

}  // namespace

postgres_wire wire_of(data_type type) {
  switch (type.id) {
    case type_id::boolean:
    case type_id::null: return postgres_wire::boolean;
    case type_id::int32: return postgres_wire::int4;
    case type_id::int64: return postgres_wire::int8;
    case type_id::float64: return postgres_wire::float8;
    case type_id::numeric: return postgres_wire::numeric;
    case type_id::text: return postgres_wire::text;
    case type_id::bytea: return postgres_wire::bytea;
    case type_id::date: return postgres_wire::date;
    case type_id::timestamptz:
    case type_id::timestamp: return postgres_wire::timestamptz;
    case type_id::interval: return postgres_wire::interval;
  }
  return postgres_wire::text;
}

std::optional<postgres_wire> wire_into(data_type from, const postgres_column& to) {
  const bool is_int = from.id == type_id::int32, is_integer = is_int || from.id == type_id::int64;
  switch (to.base_type) {
    case oid_bool: return from.id == type_id::boolean ? std::optional(postgres_wire::boolean) : std::nullopt;
    case oid_int4: return is_int ? std::optional(postgres_wire::int4) : std::nullopt;
    case oid_int8: return is_integer ? std::optional(postgres_wire::int8) : std::nullopt;
    case oid_float8: return from.id == type_id::float64 ? std::optional(postgres_wire::float8) : std::nullopt;
    case oid_numeric:
      return (is_integer || from.id == type_id::numeric) && keeps_scale(from, to.modifier) ? std::optional(postgres_wire::numeric)
                                                                                          : std::nullopt;
    case oid_text:
    case oid_varchar: return from.id == type_id::text ? std::optional(postgres_wire::text) : std::nullopt;
    case oid_bytea: return from.id == type_id::bytea ? std::optional(postgres_wire::bytea) : std::nullopt;
    case oid_date: return from.id == type_id::date ? std::optional(postgres_wire::date) : std::nullopt;
    case oid_timestamptz:
      return from.id == type_id::timestamptz && to.modifier < 0 ? std::optional(postgres_wire::timestamptz) : std::nullopt;
    case oid_interval:
      return from.id == type_id::interval && to.modifier < 0 ? std::optional(postgres_wire::interval) : std::nullopt;
    default: return std::nullopt;
  }
}

std::string postgres_type(data_type type) {
  if (type.id == type_id::numeric && type.precision > 0)
    return "numeric(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
  return std::string(postgres_type(wire_of(type)));
}

std::string_view postgres_type(postgres_wire wire) {
  switch (wire) {
    case postgres_wire::boolean: return "boolean";
    case postgres_wire::int4: return "integer";
    case postgres_wire::int8: return "bigint";
    case postgres_wire::float8: return "double precision";
    case postgres_wire::numeric: return "numeric";
    case postgres_wire::text: return "text";
    case postgres_wire::bytea: return "bytea";
    case postgres_wire::date: return "date";
    case postgres_wire::timestamptz: return "timestamp with time zone";
    case postgres_wire::interval: return "interval";
  }
  return "text";
}

}  // namespace systole
