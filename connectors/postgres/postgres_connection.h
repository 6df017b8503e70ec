#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

struct pg_conn;
struct pg_result;

namespace systole {

/// What libpq is given, and how long each call may take.
struct postgres_settings {
  std::vector<std::pair<std::string, std::string>> keywords;  ///< libpq's, secrets resolved; host, dbname, user, ...
  std::string application;                                    ///< application_name: names the sink in pg_stat_activity
  std::chrono::milliseconds connect{limits::postgres_connect_ms};
  std::chrono::milliseconds answer{limits::postgres_answer_ms};  ///< of one statement, the server's limit too
  std::function<bool()> still_wanted = [] { return true; };      ///< asked while waiting: false ends the wait
};

/// What the server said about the last failed statement. Names only: never a row's values.
struct postgres_problem {
  std::string sqlstate;
  std::string constraint, column, table;
};

/// Text results of a statement. Null reads as an empty text.
class postgres_rows {
 public:
  struct clear {
    void operator()(pg_result* made) const;
  };
  explicit postgres_rows(pg_result* made) : made_(made) {}
  size_t rows() const;
  std::string_view text(size_t row, size_t column) const;
  int64_t integer(size_t row, size_t column) const;
  bool boolean(size_t row, size_t column) const { return text(row, column) == "t"; }
  bool is_null(size_t row, size_t column) const;
  /// The statement's name as the server ended it: COMMIT of a failed transaction gives ROLLBACK.
  std::string_view command() const;
  /// Rows that a statement without results has changed.
  uint64_t changed() const;

 private:
  std::unique_ptr<pg_result, clear> made_;
};

/// A session with a PostgreSQL server. One thread. No call blocks for longer than the settings say: the socket is not
/// blocking and every wait has a deadline, and the server ends statements and transactions of a client that is silent.
///
/// Failures: `unavailable` where the same may succeed on a new connection (connection lost, server starting or
/// stopping, deadlock, lock time-out, too many sessions); `data` with SQLSTATE where a row is at fault (classes 22, 23);
/// `invalid_argument` otherwise (a missing table or right, wrong password). Messages hold names and SQLSTATE, no values.
class postgres_connection {
 public:
  static result<std::unique_ptr<postgres_connection>> open(const postgres_settings& settings);
  ~postgres_connection();
  postgres_connection(const postgres_connection&) = delete;
  postgres_connection& operator=(const postgres_connection&) = delete;

  /// One statement with parameters $1, $2, ... as text; nothing is NULL.
  using parameter = std::optional<std::string>;
  result<postgres_rows> query(const std::string& sql, const std::vector<parameter>& parameters = {});
  /// Statements without parameters or results, separated by semicolons.
  result<void> execute(const std::string& sql);

  /// COPY ... FROM STDIN: begin, any number of puts, then end, which gives the rows copied.
  result<void> begin_copy_in(const std::string& sql);
  result<void> put(std::string_view bytes);
  result<uint64_t> end_copy_in();

  /// COPY ... TO STDOUT: begin, then take messages until nothing is given. What is given is valid until the next call.
  result<void> begin_copy_out(const std::string& sql);
  result<std::optional<std::string_view>> take();

  /// Reads what has come without waiting: true where a notification was among it.
  result<bool> notified();
  int socket() const;

  /// The connection cannot be used any more.
  bool broken() const { return broken_; }
  /// Of the last failure.
  const postgres_problem& problem() const { return problem_; }
  int server_version() const;

 private:
  using time_point = std::chrono::steady_clock::time_point;
  explicit postgres_connection(pg_conn* made, const postgres_settings& settings);
  result<void> connect();
  result<void> prepare_session();
  /// `wanted`: libpq's status of a COPY that has begun.
  result<void> begin_copy(const std::string& sql, int wanted);
  result<void> wait(bool for_write, time_point deadline);
  result<void> flush(time_point deadline);
  /// The next result of the statement under way, null at its end.
  result<pg_result*> next_result(time_point deadline);
  /// Reads all results; gives the last, or the first failure.
  result<postgres_rows> finish_statement(time_point deadline);
  failure lost(std::string_view doing);
  failure refused(pg_result* answer);
  time_point deadline_of_answer() const { return std::chrono::steady_clock::now() + settings_.answer; }

  pg_conn* connection_;
  postgres_settings settings_;
  postgres_problem problem_;
  char* copied_ = nullptr;  ///< what take() gave
  bool broken_ = false;
};

/// "name" with quotes, whatever is in it.
std::string quote_postgres_identifier(std::string_view name);
/// 'text', for SQL that takes no parameters.
std::string quote_postgres_literal(std::string_view text);
/// True for failures of rows, which the rest of an epoch does not share: data exceptions (class 22), constraints (23),
/// WITH CHECK OPTION (44), and exceptions that a trigger raises (P0001).
bool is_row_fault(std::string_view sqlstate);
/// What a SQLSTATE means, for people; no server text, which may hold values.
std::string_view explain_sqlstate(std::string_view sqlstate);

}  // namespace systole
