#include "connectors/sqlite/sqlite_database.h"

#include <sqlite3.h>

#include <cmath>

#include "data/calendar.h"

namespace systole {
result<std::unique_ptr<sqlite_database>> sqlite_database::open(const std::string& path, int lock_wait_ms) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<sqlite_database> made(new sqlite_database(handle, path, lock_wait_ms));
  if (code != SQLITE_OK) return made->error(code);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, lock_wait_ms);
  SYSTOLE_TRY(made->execute("PRAGMA synchronous=FULL"));
  return made;
}

sqlite_database::~sqlite_database() { sqlite3_close_v2(handle_); }

failure sqlite_database::error(int code) const {
  const std::string message =
      "SQLite file " + path_ + ": " + (handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_FULL: return fail(error_code::disk_full, message);
    case SQLITE_BUSY: case SQLITE_LOCKED:
      return fail(error_code::unavailable, message + "; another program has kept it locked for " +
                                               std::to_string(lock_wait_ms_) + " ms: close it, then start the job again");
    case SQLITE_CORRUPT: case SQLITE_NOTADB: return fail(error_code::corrupt, message);
    case SQLITE_CONSTRAINT: return fail(error_code::data, "SQLite file " + path_ + ": a row violates a constraint of the table", "23000");
    case SQLITE_ERROR: return fail(error_code::invalid_argument, message);
    default: return fail(error_code::io, message);
  }
}

result<void> sqlite_database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? result<void>() : error(code);
}

result<std::unique_ptr<sqlite_database::statement>> sqlite_database::prepare(const std::string& sql) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v2(handle_, sql.c_str(), -1, &prepared, nullptr);
  if (code != SQLITE_OK) return error(code);
  return std::make_unique<statement>(*this, prepared);
}

sqlite_database::statement::~statement() { sqlite3_finalize(prepared_); }

// Binding fails only for an index out of range, which is a bug, or without memory, which run() would tell.
void sqlite_database::statement::bind(int index, std::string_view text) {
  sqlite3_bind_text64(prepared_, index, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}
void sqlite_database::statement::bind(int index, int64_t value) { sqlite3_bind_int64(prepared_, index, value); }

void sqlite_database::statement::bind(int index, const column& values, size_t row) {
  if (values.is_null(row)) {
    sqlite3_bind_null(prepared_, index);
    return;
  }
  char text[longest_value_text];
  char* end = text;
  switch (values.type().id) {
    case type_id::boolean: sqlite3_bind_int(prepared_, index, values.values<uint8_t>()[row]); return;
    case type_id::int32: sqlite3_bind_int(prepared_, index, values.values<int32_t>()[row]); return;
    case type_id::int64: sqlite3_bind_int64(prepared_, index, values.values<int64_t>()[row]); return;
    case type_id::float64: {
      const double value = values.values<double>()[row];
      // SQLite turns a NaN into NULL.
      if (std::isnan(value)) return bind(index, "NaN");
      sqlite3_bind_double(prepared_, index, value);
      return;
    }
    case type_id::text: {
      const std::string_view view = values.text(row);
      sqlite3_bind_text64(prepared_, index, view.data(), view.size(), SQLITE_STATIC, SQLITE_UTF8);
      return;
    }
    case type_id::bytea: {
      const std::string_view view = values.text(row);
      sqlite3_bind_blob64(prepared_, index, view.data(), view.size(), SQLITE_STATIC);
      return;
    }
    case type_id::numeric: end = write_decimal(text, {values.values<int128>()[row], values.scale(row)}); break;
    case type_id::date: end = write_date(text, values.values<int32_t>()[row]); break;
    case type_id::timestamptz: case type_id::timestamp:
      end = times_.write(text, values.values<int64_t>()[row], ' ', second_fraction::always);
      break;
    case type_id::interval: {
      std::string written;
      append_interval(written, values.values<interval_value>()[row]);
      return bind(index, written);
    }
    case type_id::null: sqlite3_bind_null(prepared_, index); return;
  }
  bind(index, std::string_view(text, static_cast<size_t>(end - text)));
}

result<bool> sqlite_database::statement::step() {
  const int code = sqlite3_step(prepared_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const failure cause = owner_->error(code);
  reset();
  return cause;
}

result<void> sqlite_database::statement::run() {
  SYSTOLE_ASSIGN(const bool row, step());
  (void)row;
  reset();
  return {};
}

void sqlite_database::statement::reset() { sqlite3_reset(prepared_); }
int64_t sqlite_database::statement::integer(int column) const { return sqlite3_column_int64(prepared_, column); }
std::string sqlite_database::statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(prepared_, column));
  return bytes ? std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(prepared_, column))) : std::string();
}

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string_view sqlite_affinity(std::string_view declared) {
  std::string upper(declared);
  for (char& each : upper) each = static_cast<char>(each >= 'a' && each <= 'z' ? each - 32 : each);
  const auto has = [&upper](const char* part) { return upper.find(part) != std::string::npos; };
  if (has("INT")) return "INTEGER";
  if (has("CHAR") || has("CLOB") || has("TEXT")) return "TEXT";
  if (has("BLOB") || upper.empty()) return "BLOB";
  if (has("REAL") || has("FLOA") || has("DOUB")) return "REAL";
  return "NUMERIC";
}

std::string_view sqlite_type(data_type type) {
  switch (type.id) {
    case type_id::boolean: case type_id::int32: case type_id::int64: return "INTEGER";
    case type_id::float64: return "REAL";
    case type_id::bytea: return "BLOB";
    default: return "TEXT";
  }
}

}  // namespace systole
