#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/postgres/postgres_connection.h"
#include "connectors/postgres/postgres_types.h"
#include "data/type.h"

namespace systole {

/// "table" or "schema.table" as a manifest writes it: names as they are, upper case too.
struct postgres_name {
  std::string schema;  ///< empty: the first of the search path that has the table
  std::string table;
  /// `invalid_argument` for more than one dot or an empty part.
  static result<postgres_name> parse(std::string_view text);
  std::string quoted() const;
  std::string text() const { return schema.empty() ? table : schema + "." + table; }
  /// Another table beside it.
  postgres_name beside(std::string other) const { return {schema, std::move(other)}; }
};

/// The table that a sink writes.
struct postgres_target {
  postgres_name name;
  schema columns;
  std::vector<size_t> key;  ///< upsert: the key's columns; else every row is appended
  bool create = false;      ///< make it where it is missing
};

/// What the sink has to know of a table that fits.
struct fitting_table {
  std::vector<postgres_wire> wires;  ///< how each column of the stream travels
  bool null_keys = false;            ///< NULL is a key like any other (UNIQUE NULLS NOT DISTINCT)
};

/// The CREATE TABLE that fits: exact types, and for an upsert the key as PRIMARY KEY, or as UNIQUE NULLS NOT DISTINCT
/// where it may be NULL.
std::string ddl_of(const postgres_target& target);

/// Looks whether the table takes the stream's rows as they are; makes it where that is wanted. `incompatible` with all
/// that is in the way and the statements to run: a missing table, columns that are missing, of another type, NOT NULL and
/// not of the stream, a missing unique constraint on the key, missing rights.
result<fitting_table> fit_table(postgres_connection& connection, const postgres_target& target);

/// Runs a CREATE ... IF NOT EXISTS when no other of our sessions does, since two at once may fail.
result<void> create_alone(postgres_connection& connection, const std::string& ddl);

/// The columns of a table as they are; empty where there is none of that name.
result<std::vector<postgres_column>> read_columns(postgres_connection& connection, const postgres_name& name);

}  // namespace systole
