#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "data/type.h"

namespace systole {

/// How a column's values travel in COPY's binary format: PostgreSQL's base types that we know.
enum class postgres_wire { boolean, int4, int8, float8, numeric, text, bytea, date, timestamptz, interval };

/// One column of a server's table.
struct postgres_column {
  std::string name;
  std::string type;              ///< as the server writes it: "character varying(10)"
  uint32_t base_type = 0;        ///< pg_type.oid, of a domain its base's
  int32_t modifier = -1;         ///< atttypmod: NUMERIC's precision and scale, VARCHAR's length + 4
  bool not_null = false;
  bool has_default = false;      ///< or identity
  bool generated = false;        ///< ALWAYS: takes no values
};

/// The wire type of a stream's column in COPY.
postgres_wire wire_of(data_type type);
/// The wire type that the table's column takes such values by, or nothing where it does not hold all of them exactly:
/// INT also goes into BIGINT and NUMERIC, BIGINT into NUMERIC, TEXT into VARCHAR(n), NUMERIC(p,s) into a scale >= s.
std::optional<postgres_wire> wire_into(data_type from, const postgres_column& to);

/// The type in CREATE TABLE: "numeric(10,2)", "timestamp with time zone".
std::string postgres_type(data_type type);
/// The wire type's name, for tables that rows are staged in.
std::string_view postgres_type(postgres_wire wire);

}  // namespace systole
