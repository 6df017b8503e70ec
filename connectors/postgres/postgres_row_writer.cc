#include "connectors/postgres/postgres_row_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "formats/utf8_check.h"

namespace systole {
namespace {

constexpr const char* stage_table = "pg_temp.systole_stage";
constexpr const char* number_column = "systole_row";
/// Sent to the server at once.
constexpr size_t piece_bytes = 256 * limits::kibibyte;
/// A violated chunk is halved down to so many rows, which are then applied one by one: each is a subtransaction.
constexpr int32_t rows_one_by_one = 1024;

std::string list_of(const schema& columns, const char* prefix = "") {
  std::string list;
  for (const field& each : columns.fields) list += (list.empty() ? "" : ", ") + (prefix + quote_postgres_identifier(each.name));
  return list;
}

/// What a text is without bytes that TEXT does not take: U+FFFD for each.
std::string readable(std::string_view text) {
  std::string made;
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const std::string_view letter = text.substr(at, length);
    const bool fine = is_text(letter);
    made += fine ? letter : std::string_view("\xef\xbf\xbd");
    at += fine ? letter.size() : 1;
  }
  return made;
}

/// The rows with unreadable values replaced: texts by what is readable of them, times by NULL.
batch readable_rows(const batch& rows, const std::vector<unreadable_value>& faults) {
  std::vector<column_ptr> columns;
  for (size_t c = 0; c < rows.columns().size(); ++c) {
    const column& values = rows.at(c);
    const bool any = std::any_of(faults.begin(), faults.end(), [c](const auto& each) { return each.column == c; });
    if (!any) {
      columns.push_back(rows.share(c));
    } else if (!values.type().is_text_like()) {
      columns.push_back(null_column(values.type(), rows.rows()));
    } else {
      column_builder made(values.type(), rows.rows());
      for (size_t row = 0; row < rows.rows(); ++row) {
        if (values.is_null(row)) made.append_null();
        else made.append_text_copy(readable(values.text(row)));
      }
      columns.push_back(made.finish());
    }
  }
  return batch(rows.rows(), std::move(columns));
}

constexpr const char* dead_columns = "(job, sink, epoch, change, sqlstate, reason, constraint_name, column_name, row_data)";

std::string key_condition(const postgres_target& target, const char* from, bool null_keys) {
  std::string made;
  for (size_t index : target.key) {
    const std::string name = quote_postgres_identifier(target.columns.fields[index].name);
    const std::string ours = "systole_t." + name, theirs = from + ("." + name);
    made += made.empty() ? "" : " AND ";
    // Not IS NOT DISTINCT FROM, for which no index is used.
    made += null_keys ? "(" + ours + " = " + theirs + " OR (" + ours + " IS NULL AND " + theirs + " IS NULL))" : ours + " = " + theirs;
  }
  return made;
}

std::string on_conflict(const postgres_target& target) {
  if (target.key.empty()) return {};
  std::string key, updates;
  for (size_t c = 0; c < target.columns.fields.size(); ++c) {
    const std::string name = quote_postgres_identifier(target.columns.fields[c].name);
    const bool of_key = std::find(target.key.begin(), target.key.end(), c) != target.key.end();
    std::string& list = of_key ? key : updates;
    list += (list.empty() ? "" : ", ") + (of_key ? name : name + " = excluded." + name);
  }
  return " ON CONFLICT (" + key + ") DO " + (updates.empty() ? "NOTHING" : "UPDATE SET " + updates);
}

}  // namespace

result<void> fit_dead_letter(postgres_connection& connection, const postgres_dead_letter& dead) {
  const std::string ddl = "CREATE TABLE IF NOT EXISTS " + dead.name.quoted() +
                          " (job text NOT NULL, sink text NOT NULL, epoch bigint NOT NULL, change text NOT NULL, sqlstate text NOT NULL, "
                          "reason text NOT NULL, constraint_name text, column_name text, row_data jsonb NOT NULL, "
                          "written_at timestamp with time zone NOT NULL DEFAULT now())";
  SYSTOLE_ASSIGN(const std::vector<postgres_column> there, read_columns(connection, dead.name));
  if (there.empty() && dead.create) return create_alone(connection, ddl);
  std::string missing;
  for (const char* name : {"job", "sink", "epoch", "change", "sqlstate", "reason", "constraint_name", "column_name", "row_data"})
    if (std::none_of(there.begin(), there.end(), [name](const auto& each) { return each.name == name; }))
      missing += (missing.empty() ? "" : ", ") + std::string(name);
  if (missing.empty()) return {};
  return fail(error_code::incompatible, there.empty() ? "PostgreSQL dead-letter table " + dead.name.text() + " does not exist; run: " + ddl
                                                      : "PostgreSQL dead-letter table " + dead.name.text() + " lacks the columns " + missing +
                                                            "; a table that fits is: " + ddl);
}

result<void> postgres_row_writer::prepare(postgres_connection& connection) {
  SYSTOLE_ASSIGN(fit_, fit_table(connection, target_));
  if (dead_) SYSTOLE_TRY(fit_dead_letter(connection, *dead_));
  if (!staged()) return {};
  SYSTOLE_TRY(connection.execute(stage_ddl()));
  return dead_ ? connection.execute(row_function()) : result<void>();
}

std::string postgres_row_writer::stage_ddl() const {
  std::string columns = std::string(number_column) + " integer NOT NULL";
  for (size_t c = 0; c < target_.columns.fields.size(); ++c)
    columns += ", " + quote_postgres_identifier(target_.columns.fields[c].name) + " " + std::string(postgres_type(fit_.wires[c]));
  return std::string("CREATE TEMPORARY TABLE IF NOT EXISTS ") + stage_table + " (" + columns + ") ON COMMIT DELETE ROWS";
}

/// Applies staged rows one by one, each in a savepoint (a block with EXCEPTION is one), and gives the SQLSTATE of each
/// that was refused.
std::string postgres_row_writer::row_function() const {
  const std::string deletion = target_.key.empty() ? "NULL" : "DELETE FROM " + target_.name.quoted() + " AS systole_t WHERE " +
                                                                  key_condition(target_, "systole_each", fit_.null_keys);
  const std::string insertion = "INSERT INTO " + target_.name.quoted() + " (" + list_of(target_.columns) + ") VALUES (" +
                                list_of(target_.columns, "systole_each.") + ")" + on_conflict(target_);
  return std::string("CREATE OR REPLACE FUNCTION pg_temp.systole_apply(systole_from integer, systole_to integer, systole_epoch bigint, ") +
         "systole_deletes boolean) RETURNS SETOF text LANGUAGE plpgsql AS $systole$\n"
         "#variable_conflict use_column\n"
         "DECLARE systole_each record; systole_state text; systole_reason text; systole_constraint text; systole_column text;\n"
         "BEGIN\n"
         "FOR systole_each IN SELECT * FROM " + stage_table + " WHERE " + number_column +
         " BETWEEN systole_from AND systole_to ORDER BY " + number_column + " LOOP\n"
         "BEGIN\n"
         "IF systole_deletes THEN " + deletion + "; ELSE " + insertion + "; END IF;\n"
         "EXCEPTION WHEN data_exception OR integrity_constraint_violation OR with_check_option_violation OR raise_exception THEN\n"
         "GET STACKED DIAGNOSTICS systole_state = RETURNED_SQLSTATE, systole_reason = MESSAGE_TEXT, "
         "systole_constraint = CONSTRAINT_NAME, systole_column = COLUMN_NAME;\n"
         "INSERT INTO " + dead_->name.quoted() + " " + dead_columns + " VALUES (" + quote_postgres_literal(dead_->job) + ", " +
         quote_postgres_literal(dead_->sink) + ", systole_epoch, CASE WHEN systole_deletes THEN 'delete' ELSE 'insert' END, systole_state, "
         "systole_reason, nullif(systole_constraint, ''), nullif(systole_column, ''), to_jsonb(systole_each) - '" + number_column + "');\n"
         "RETURN NEXT systole_state;\n"
         "END;\n"
         "END LOOP;\n"
         "END $systole$";
}

void postgres_row_writer::begin(postgres_connection& connection, epoch_id epoch) {
  connection_ = &connection;
  epoch_ = epoch;
  parts_.clear();
  rows_ = 0;
  null_keys_ = false;
  refused_.clear();
}

result<void> postgres_row_writer::add(batch rows, bool deletions) {
  if (rows_ > 0 && deletions != deletions_) SYSTOLE_TRY(flush());
  deletions_ = deletions;
  for (size_t from = 0; from < rows.rows();) {
    const size_t to = std::min(rows.rows(), from + limits::postgres_chunk_rows - rows_);
    if (fit_.null_keys)
      for (size_t index : target_.key) null_keys_ = null_keys_ || rows.at(index).may_have_nulls();
    parts_.push_back({rows, from, to});
    rows_ += to - from;
    from = to;
    if (rows_ == limits::postgres_chunk_rows) SYSTOLE_TRY(flush());
  }
  return {};
}

result<void> postgres_row_writer::flush() {
  if (rows_ == 0) return {};
  SYSTOLE_TRY(apply_chunk());
  parts_.clear();
  rows_ = 0;
  null_keys_ = false;
  return {};
}

result<void> postgres_row_writer::apply_chunk() {
  bool violated = false;
  if (target_.key.empty()) {
    const std::string sql = "COPY " + target_.name.quoted() + " (" + list_of(target_.columns) + ") FROM STDIN (FORMAT binary)";
    SYSTOLE_TRY(guarded([&] { return copy(sql, postgres_encoder(fit_.wires, false), parts_); }, violated));
    if (!violated) return {};
  } else {
    SYSTOLE_TRY(guarded([&] { return stage(parts_); }, violated));
    if (!violated) return apply_staged(0, static_cast<int32_t>(rows_) - 1);
  }
  SYSTOLE_ASSIGN(const std::vector<part> readable, set_unreadable_aside(parts_));
  size_t left = 0;
  for (const part& each : readable) left += each.to - each.from;
  if (left == 0) return {};
  SYSTOLE_TRY(stage(readable));
  return apply_staged(0, static_cast<int32_t>(left) - 1);
}

result<void> postgres_row_writer::copy(const std::string& sql, const postgres_encoder& encoder, const std::vector<part>& parts) {
  SYSTOLE_TRY(connection_->begin_copy_in(sql));
  std::string piece;
  encoder.append_header(piece);
  int32_t number = 0;
  constexpr size_t rows_at_once = 256;
  for (const part& each : parts)
    for (size_t from = each.from; from < each.to; from += rows_at_once) {
      const size_t to = std::min(each.to, from + rows_at_once);
      encoder.append_rows(piece, each.rows, from, to, number);
      number += static_cast<int32_t>(to - from);
      if (piece.size() < piece_bytes) continue;
      SYSTOLE_TRY(connection_->put(piece));
      piece.clear();
    }
  encoder.append_trailer(piece);
  SYSTOLE_TRY(connection_->put(piece));
  SYSTOLE_ASSIGN(const uint64_t copied, connection_->end_copy_in());
  if (copied == static_cast<uint64_t>(number)) return {};
  // A trigger may leave rows out; that is the table's owner's wish, but only where rows go in directly.
  return target_.key.empty() ? result<void>() : fail(error_code::internal, "PostgreSQL took another number of rows than were sent");
}

result<void> postgres_row_writer::stage(const std::vector<part>& parts) {
  SYSTOLE_TRY(connection_->execute(std::string("TRUNCATE ") + stage_table));
  const std::string sql =
      std::string("COPY ") + stage_table + " (" + number_column + ", " + list_of(target_.columns) + ") FROM STDIN (FORMAT binary)";
  return copy(sql, postgres_encoder(fit_.wires, true), parts);
}

std::vector<std::string> postgres_row_writer::application(int32_t from, int32_t to) const {
  const std::string range = fmt::format("systole_s.{} BETWEEN {} AND {}", number_column, from, to);
  const std::string staged_rows = std::string(stage_table) + " AS systole_s";
  if (!deletions_)
    return {"INSERT INTO " + target_.name.quoted() + " (" + list_of(target_.columns) + ") SELECT " +
            list_of(target_.columns, "systole_s.") + " FROM " + staged_rows + " WHERE " + range + on_conflict(target_)};
  const std::string deletion = "DELETE FROM " + target_.name.quoted() + " AS systole_t USING " + staged_rows + " WHERE " + range + " AND ";
  std::vector<std::string> made{deletion + key_condition(target_, "systole_s", false)};
  if (!null_keys_) return made;
  std::string any_null;
  for (size_t index : target_.key)
    any_null += (any_null.empty() ? "systole_s." : " OR systole_s.") + quote_postgres_identifier(target_.columns.fields[index].name) + " IS NULL";
  made.push_back(deletion + "(" + any_null + ") AND " + key_condition(target_, "systole_s", true));
  return made;
}

result<void> postgres_row_writer::apply_staged(int32_t from, int32_t to) {
  bool violated = false;
  const auto apply = [&]() -> result<void> {
    for (const std::string& each : application(from, to)) SYSTOLE_TRY(connection_->query(each));
    return {};
  };
  SYSTOLE_TRY(guarded(apply, violated));
  if (!violated) return {};
  if (to - from < rows_one_by_one) return apply_one_by_one(from, to);
  const int32_t middle = from + (to - from) / 2;
  SYSTOLE_TRY(apply_staged(from, middle));
  return apply_staged(middle + 1, to);
}

result<void> postgres_row_writer::apply_one_by_one(int32_t from, int32_t to) {
  SYSTOLE_ASSIGN(const postgres_rows refused,
                 connection_->query("SELECT state, count(*) FROM pg_temp.systole_apply($1, $2, $3, $4) AS state GROUP BY state",
                                    {std::to_string(from), std::to_string(to), std::to_string(epoch_.value), deletions_ ? "true" : "false"}));
  for (size_t row = 0; row < refused.rows(); ++row)
    refused_[std::string(refused.text(row, 0))] += static_cast<uint64_t>(refused.integer(row, 1));
  return {};
}

result<std::vector<postgres_row_writer::part>> postgres_row_writer::set_unreadable_aside(const std::vector<part>& parts) {
  std::vector<part> made;
  for (const part& each : parts) {
    const batch rows = slice(each.rows, each.from, each.to - each.from);
    std::vector<unreadable_value> faults = find_unreadable(rows, fit_.wires);
    if (faults.empty()) {
      made.push_back(each);
      continue;
    }
    std::sort(faults.begin(), faults.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    std::vector<uint32_t> bad, good;
    for (const unreadable_value& fault : faults)
      if (bad.empty() || bad.back() != fault.row) bad.push_back(static_cast<uint32_t>(fault.row));
    for (uint32_t row = 0; row < rows.rows(); ++row)
      if (!std::binary_search(bad.begin(), bad.end(), row)) good.push_back(row);
    for (unreadable_value& fault : faults)
      fault.row = static_cast<size_t>(std::lower_bound(bad.begin(), bad.end(), fault.row) - bad.begin());
    SYSTOLE_TRY(refuse_unreadable(gather(rows, bad), faults));
    if (!good.empty()) made.push_back({gather(rows, good), 0, good.size()});
  }
  return made;
}

result<void> postgres_row_writer::refuse_unreadable(const batch& rows, const std::vector<unreadable_value>& faults) {
  SYSTOLE_TRY(stage({{readable_rows(rows, faults), 0, rows.rows()}}));
  size_t told = SIZE_MAX;  // the first fault of a row is the one to tell
  for (const unreadable_value& fault : faults) {
    if (fault.row == told) continue;
    told = fault.row;
    const std::string state(fault.sqlstate);
    SYSTOLE_TRY(connection_->query(
        "INSERT INTO " + dead_->name.quoted() + " " + dead_columns + " SELECT $1, $2, $3::bigint, $4, $5, $6, NULL, $7, to_jsonb(s) - '" +
            number_column + "' FROM " + stage_table + " AS s WHERE s." + number_column + " = $8::integer",
        {dead_->job, dead_->sink, std::to_string(epoch_.value), deletions_ ? "delete" : "insert", state, std::string(explain_sqlstate(state)),
         target_.columns.fields[fault.column].name, std::to_string(fault.row)}));
    ++refused_[state];
  }
  return {};
}

result<void> postgres_row_writer::guarded(const std::function<result<void>()>& what, bool& violated) {
  if (dead_) SYSTOLE_TRY(connection_->execute("SAVEPOINT systole_rows"));
  result<void> done = what();
  if (done) return dead_ ? connection_->execute("RELEASE SAVEPOINT systole_rows") : result<void>();
  const bool rows_at_fault = !connection_->broken() && is_row_fault(connection_->problem().sqlstate);
  if (!dead_ || !rows_at_fault) return explain(std::move(done).error());
  violated = true;
  return connection_->execute("ROLLBACK TO SAVEPOINT systole_rows; RELEASE SAVEPOINT systole_rows");
}

failure postgres_row_writer::explain(failure cause) const {
  if (cause.code == error_code::data && !dead_)
    cause.message += "; with a deadLetterTable such rows are set aside and the others go in";
  return cause;
}

}  // namespace systole
