#include "connectors/postgres/postgres_table.h"

#include <algorithm>
#include <set>

namespace systole {
namespace {

/// Collects what is in the way of a table, with the statements that remove it.
class complaints {
 public:
  void add(const std::string& what, const std::string& statement = {}) {
    what_ += (what_.empty() ? "" : "; ") + what;
    if (!statement.empty()) statements_ += (statements_.empty() ? "" : " ") + statement + ";";
  }
  bool any() const { return !what_.empty(); }
  failure about(const postgres_name& name) const {
    return fail(error_code::incompatible, "PostgreSQL table " + name.text() + " cannot take the rows: " + what_ +
                                              (statements_.empty() ? "" : "; run: " + statements_));
  }

 private:
  std::string what_, statements_;
};

std::string columns_of(const schema& columns, const std::vector<size_t>& key) {
  std::string list;
  for (size_t index : key) list += (list.empty() ? "" : ", ") + quote_postgres_identifier(columns.fields[index].name);
  return list;
}

bool may_be_null(const postgres_target& target) {
  return std::any_of(target.key.begin(), target.key.end(), [&](size_t index) { return target.columns.fields[index].nullable; });
}

std::string key_constraint(const postgres_target& target) {
  return (may_be_null(target) ? "UNIQUE NULLS NOT DISTINCT (" : "PRIMARY KEY (") + columns_of(target.columns, target.key) + ")";
}

void compare_columns(const postgres_target& target, const std::vector<postgres_column>& there, fitting_table& made, complaints& found) {
  const std::string alter = "ALTER TABLE " + target.name.quoted() + " ";
  for (const field& each : target.columns.fields) {
    const auto known = std::find_if(there.begin(), there.end(), [&](const auto& column) { return column.name == each.name; });
    const std::string name = quote_postgres_identifier(each.name);
    if (known == there.end()) {
      found.add("column " + each.name + " is missing", alter + "ADD COLUMN " + name + " " + postgres_type(each.type));
      continue;
    }
    if (known->generated) {
      found.add("column " + each.name + " is generated always and takes no values");
      continue;
    }
    const auto wire = wire_into(each.type, *known);
    if (!wire)
      found.add("column " + each.name + " is " + known->type + ", its values are " + postgres_type(each.type),
                alter + "ALTER COLUMN " + name + " TYPE " + postgres_type(each.type));
    made.wires.push_back(wire.value_or(postgres_wire::text));
  }
  for (const postgres_column& each : there)
    if (each.not_null && !each.has_default && !each.generated && target.columns.find(each.name) < 0)
      found.add("column " + each.name + " is NOT NULL, has no default and is not of the stream",
                alter + "ALTER COLUMN " + quote_postgres_identifier(each.name) + " DROP NOT NULL");
}

/// ON CONFLICT needs a unique index on just the key, of which NULLs are equal where the key may be NULL.
result<void> compare_key(postgres_connection& connection, const postgres_target& target, const std::vector<postgres_column>& there,
                         fitting_table& made, complaints& found) {
  SYSTOLE_ASSIGN(const postgres_rows indexes,
                 connection.query("SELECT i.indexrelid, to_jsonb(i) ->> 'indnullsnotdistinct' = 'true', a.attname "
                                  "FROM pg_index i, unnest(i.indkey[0:i.indnkeyatts - 1]) AS k(number), pg_attribute a "
                                  "WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indimmediate "
                                  "AND i.indpred IS NULL AND i.indexprs IS NULL AND a.attrelid = i.indrelid AND a.attnum = k.number "
                                  "ORDER BY i.indexrelid",
                                  {target.name.quoted()}));
  std::set<std::string> key;
  bool columns_not_null = true;
  for (size_t index : target.key) {
    const std::string& name = target.columns.fields[index].name;
    key.insert(name);
    for (const postgres_column& each : there)
      if (each.name == name && !each.not_null) columns_not_null = false;
  }
  bool distinct_nulls = false;
  for (size_t row = 0; row < indexes.rows();) {
    const size_t first = row;
    std::set<std::string> columns;
    for (; row < indexes.rows() && indexes.text(row, 0) == indexes.text(first, 0); ++row) columns.emplace(indexes.text(row, 2));
    if (columns != key) continue;
    const bool nulls_equal = indexes.boolean(first, 1);
    made.null_keys = made.null_keys || (nulls_equal && !columns_not_null);
    if (nulls_equal || columns_not_null || !may_be_null(target)) return {};
    distinct_nulls = true;
  }
  found.add(distinct_nulls ? "its unique constraint on the key takes NULLs for different, and a key may be NULL here"
                           : "it has no unique constraint on the key (" + columns_of(target.columns, target.key) + ")",
            "ALTER TABLE " + target.name.quoted() + " ADD " + key_constraint(target));
  return {};
}

result<void> compare_rights(postgres_connection& connection, const postgres_target& target, complaints& found) {
  std::vector<std::string> needed{"INSERT"};
  if (!target.key.empty()) needed = {"SELECT", "INSERT", "UPDATE", "DELETE"};
  for (const std::string& right : needed) {
    SYSTOLE_ASSIGN(const postgres_rows has, connection.query("SELECT has_table_privilege(to_regclass($1), $2), quote_ident(current_user)",
                                                             {target.name.quoted(), right}));
    if (!has.boolean(0, 0))
      found.add("the right to " + right + " is missing",
                "GRANT " + right + " ON " + target.name.quoted() + " TO " + std::string(has.text(0, 1)));
  }
  return {};
}

}  // namespace

result<postgres_name> postgres_name::parse(std::string_view text) {
  const size_t dot = text.find('.');
  postgres_name made;
  if (dot != std::string_view::npos) made.schema = text.substr(0, dot);
  made.table = dot == std::string_view::npos ? text : text.substr(dot + 1);
  if (made.table.empty() || made.table.find('.') != std::string::npos || (dot != std::string_view::npos && made.schema.empty()))
    return fail(error_code::invalid_argument, "a table is written schema.table: " + std::string(text));
  return made;
}

std::string postgres_name::quoted() const {
  return (schema.empty() ? "" : quote_postgres_identifier(schema) + ".") + quote_postgres_identifier(table);
}

std::string ddl_of(const postgres_target& target) {
  std::string columns;
  for (const field& each : target.columns.fields)
    columns += (columns.empty() ? "" : ", ") + quote_postgres_identifier(each.name) + " " + postgres_type(each.type) +
               (each.nullable ? "" : " NOT NULL");
  if (!target.key.empty()) columns += ", " + key_constraint(target);
  return "CREATE TABLE IF NOT EXISTS " + target.name.quoted() + " (" + columns + ")";
}

result<std::vector<postgres_column>> read_columns(postgres_connection& connection, const postgres_name& name) {
  SYSTOLE_ASSIGN(const postgres_rows found,
                 connection.query("SELECT a.attname, format_type(a.atttypid, a.atttypmod), "
                                  "CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END, "
                                  "CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, "
                                  "a.attnotnull OR t.typnotnull, a.atthasdef OR a.attidentity <> '', "
                                  "a.attgenerated <> '' OR a.attidentity = 'a' "
                                  "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
                                  "WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
                                  {name.quoted()}));
  std::vector<postgres_column> made;
  for (size_t row = 0; row < found.rows(); ++row)
    made.push_back({std::string(found.text(row, 0)), std::string(found.text(row, 1)), static_cast<uint32_t>(found.integer(row, 2)),
                    static_cast<int32_t>(found.integer(row, 3)), found.boolean(row, 4), found.boolean(row, 5), found.boolean(row, 6)});
  return made;
}

result<void> create_alone(postgres_connection& connection, const std::string& ddl) {
  return connection.execute("SELECT pg_advisory_xact_lock(hashtext('systole create table')); " + ddl);
}

result<fitting_table> fit_table(postgres_connection& connection, const postgres_target& target) {
  complaints found;
  if (connection.server_version() < 150000 && !target.key.empty() && may_be_null(target))
    found.add("the key may be NULL, which needs PostgreSQL 15 or newer");
  SYSTOLE_ASSIGN(const postgres_rows kind,
                 connection.query("SELECT coalesce((SELECT relkind::text FROM pg_class WHERE oid = to_regclass($1)), '')", {target.name.quoted()}));
  if (kind.text(0, 0).empty()) {
    if (!target.create) {
      found.add("it does not exist, or its schema does not (createTable: ifMissing makes the table)", ddl_of(target));
      return found.about(target.name);
    }
    SYSTOLE_TRY(create_alone(connection, ddl_of(target)));
  } else if (kind.text(0, 0) != "r" && kind.text(0, 0) != "p") {
    found.add("it is not a table");
    return found.about(target.name);
  }
  SYSTOLE_ASSIGN(const std::vector<postgres_column> there, read_columns(connection, target.name));
  fitting_table made;
  compare_columns(target, there, made, found);
  if (!target.key.empty()) SYSTOLE_TRY(compare_key(connection, target, there, made, found));
  SYSTOLE_TRY(compare_rights(connection, target, found));
  if (found.any()) return found.about(target.name);
  return made;
}

}  // namespace systole
