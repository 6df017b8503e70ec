#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "data/batch.h"
#include "formats/value_text.h"

struct sqlite3;
struct sqlite3_stmt;

namespace systole {

/// One connection to a SQLite file, one thread. Errors name the file and SQLite's message, never a value.
class sqlite_database {
 public:
  /// Opens or creates the file, with synchronous=FULL. A lock of another program is waited for, then it is `unavailable`.
  static result<std::unique_ptr<sqlite_database>> open(const std::string& path,
                                                       int lock_wait_ms = limits::sqlite_lock_wait_ms);
  ~sqlite_database();
  sqlite_database(const sqlite_database&) = delete;
  sqlite_database& operator=(const sqlite_database&) = delete;

  /// A prepared statement.
  class statement {
   public:
    statement(sqlite_database& owner, sqlite3_stmt* prepared) : owner_(&owner), prepared_(prepared) {}
    ~statement();
    statement(const statement&) = delete;
    statement& operator=(const statement&) = delete;

    void bind(int index, std::string_view text);
    void bind(int index, int64_t value);
    /// Binds a column's value: NUMERIC, dates and times as text, BYTEA as a blob. Text must live until step().
    void bind(int index, const column& values, size_t row);
    /// Runs it to its end and makes it ready again.
    result<void> run();
    /// True where there is a row; read it by the getters, then call reset().
    result<bool> step();
    int64_t integer(int column) const;
    std::string text(int column) const;
    void reset();

   private:
    sqlite_database* owner_;
    sqlite3_stmt* prepared_;
    time_writer times_;
  };

  result<void> execute(const std::string& sql);
  result<std::unique_ptr<statement>> prepare(const std::string& sql);
  /// `disk_full` for a full disk, `unavailable` for a database that others keep locked, else `io` or `corrupt`.
  failure error(int code) const;

 private:
  sqlite_database(sqlite3* handle, std::string path, int lock_wait_ms)
      : handle_(handle), path_(std::move(path)), lock_wait_ms_(lock_wait_ms) {}
  sqlite3* handle_;
  std::string path_;
  int lock_wait_ms_;
};

/// A name as an SQL identifier: "a""b".
std::string quote_identifier(std::string_view name);
/// SQLite's type affinity of a declared type (https://sqlite.org/datatype3.html, section 3.1): "BLOB" also for none.
std::string_view sqlite_affinity(std::string_view declared);
/// The declared type of a column: NUMERIC and times are TEXT, since SQLite's own numeric is binary.
std::string_view sqlite_type(data_type type);

}  // namespace systole
