#include "connectors/postgres/postgres_connection.h"

#include <poll.h>
#include <postgresql/libpq-fe.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace systole {
namespace {

using std::chrono::steady_clock;

/// SQLSTATEs after which the same transaction may succeed: by class, or whole.
bool is_passing(std::string_view sqlstate) {
  const std::string_view kind = sqlstate.substr(0, 2);
  return kind == "08" || kind == "40" || kind == "53" || kind == "57" || kind == "58" || sqlstate == "55P03" ||
         sqlstate == "55006" || sqlstate == "25P03" || sqlstate == "25006";  // read-only: a standby before its promotion
}

/// Classes whose messages speak of objects and sessions; those of rows, casts and triggers may hold values.
bool may_tell_message(std::string_view sqlstate) {
  static constexpr std::array<std::string_view, 13> classes{"08", "25", "28", "3D", "3F", "40", "42",
                                                            "53", "54", "55", "57", "58", "0A"};
  return std::find(classes.begin(), classes.end(), sqlstate.substr(0, 2)) != classes.end();
}

std::string one_line(std::string_view text) {
  std::string made;
  for (const char each : text) {
    const bool blank = each == '\n' || each == '\t' || each == ' ' || each == '\r';
    if (!blank) made.push_back(each);
    else if (!made.empty() && made.back() != ' ') made.push_back(' ');
  }
  while (!made.empty() && made.back() == ' ') made.pop_back();
  return made;
}

/// The SQLSTATE in a failed connection's verbose message: "FATAL:  28P01: ...", whatever the server's language.
std::string sqlstate_in(std::string_view message) {
  constexpr size_t length = 5;
  const auto is_code = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
  for (size_t at = message.find(":  "); at != std::string_view::npos; at = message.find(":  ", at + 1)) {
    const std::string_view code = message.substr(at + 3, length);
    if (code.size() == length && std::all_of(code.begin(), code.end(), is_code) && message.substr(at + 3 + length, 1) == ":")
      return std::string(code);
  }
  return {};
}

/// What libpq itself finds wrong while it connects, without a SQLSTATE, and no repetition changes; in libpq's words, which
/// are English as long as nobody sets a locale.
bool is_refused_by_libpq(std::string_view message) {
  constexpr std::string_view words[] = {"certificate", "private key", "does not support SSL", "no password supplied"};
  return std::any_of(std::begin(words), std::end(words), [&](std::string_view each) { return message.find(each) != std::string_view::npos; });
}

std::string field_of(const pg_result* answer, int field) {
  const char* text = PQresultErrorField(answer, field);
  return text ? text : "";
}

/// What keeps both ends from waiting for ever; a Connection's own settings win.
void add_defaults(std::vector<std::pair<std::string, std::string>>& keywords, const postgres_settings& settings) {
  const auto add = [&keywords](const std::string& name, std::string value) {
    const auto known = std::find_if(keywords.begin(), keywords.end(), [&](const auto& each) { return each.first == name; });
    if (known == keywords.end()) keywords.emplace_back(name, std::move(value));
  };
  add("application_name", settings.application);
  add("client_encoding", "UTF8");
  add("keepalives_idle", "10");
  add("keepalives_interval", "5");
  add("keepalives_count", "3");
  add("tcp_user_timeout", std::to_string(settings.answer.count()));
}

}  // namespace

void postgres_rows::clear::operator()(pg_result* made) const { PQclear(made); }
size_t postgres_rows::rows() const { return static_cast<size_t>(PQntuples(made_.get())); }
std::string_view postgres_rows::text(size_t row, size_t column) const {
  const int r = static_cast<int>(row), c = static_cast<int>(column);
  return {PQgetvalue(made_.get(), r, c), static_cast<size_t>(PQgetlength(made_.get(), r, c))};
}
int64_t postgres_rows::integer(size_t row, size_t column) const {
  const std::string_view digits = text(row, column);
  int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}
bool postgres_rows::is_null(size_t row, size_t column) const {
  return PQgetisnull(made_.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
}
std::string_view postgres_rows::command() const { return PQcmdStatus(made_.get()); }
uint64_t postgres_rows::changed() const {
  const std::string_view digits = PQcmdTuples(made_.get());
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

postgres_connection::postgres_connection(pg_conn* made, const postgres_settings& settings)
    : connection_(made), settings_(settings) {}

postgres_connection::~postgres_connection() {
  PQfreemem(copied_);
  PQfinish(connection_);
}

result<std::unique_ptr<postgres_connection>> postgres_connection::open(const postgres_settings& settings) {
  auto keywords = settings.keywords;
  add_defaults(keywords, settings);
  std::vector<const char*> names, values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  pg_conn* started = PQconnectStartParams(names.data(), values.data(), 0);
  if (!started) return fail(error_code::internal, "PostgreSQL: no memory for a connection");
  std::unique_ptr<postgres_connection> made(new postgres_connection(started, settings));
  for (const auto& [name, value] : settings.keywords) {
    int64_t seconds = 0;
    if (name == "connect_timeout" && std::from_chars(value.data(), value.data() + value.size(), seconds).ec == std::errc() && seconds > 0)
      made->settings_.connect = std::chrono::seconds(seconds);  // which libpq leaves to a caller that does not block
  }
  SYSTOLE_TRY(made->connect());
  SYSTOLE_TRY(made->prepare_session());
  return made;
}

result<void> postgres_connection::connect() {
  PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);  // for the SQLSTATE of a refused login
  PQsetNoticeReceiver(connection_, [](void*, const pg_result*) {}, nullptr);  // notices may quote rows
  const auto deadline = steady_clock::now() + settings_.connect;
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (PQstatus(connection_) != CONNECTION_BAD && next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED) {
    SYSTOLE_TRY(wait(next == PGRES_POLLING_WRITING, deadline));
    next = PQconnectPoll(connection_);
  }
  if (PQstatus(connection_) != CONNECTION_OK) {
    broken_ = true;
    const std::string message = one_line(PQerrorMessage(connection_));
    problem_ = {sqlstate_in(PQerrorMessage(connection_)), {}, {}, {}};
    const std::string told = "PostgreSQL refuses the connection: " + message.substr(0, message.find(" LOCATION: "));
    if (problem_.sqlstate.empty() && is_refused_by_libpq(message))
      return fail(error_code::invalid_argument, told + "; see the connection's sslMode, caFile, certificateFile and password");
    // A server that is full, starting or stopping, or cannot be reached may be there later.
    const bool passing = problem_.sqlstate.empty() || is_passing(problem_.sqlstate);
    return fail(passing ? error_code::unavailable : error_code::invalid_argument, told);
  }
  PQsetErrorVerbosity(connection_, PQERRORS_TERSE);
  if (PQsetnonblocking(connection_, 1) != 0) return lost("at the start");
  return {};
}

result<void> postgres_connection::prepare_session() {
  // A client that froze in a transaction keeps its locks: the server ends it. And what is committed stays committed.
  const std::string answer_ms = std::to_string(settings_.answer.count());
  return execute("SET statement_timeout = " + answer_ms + "; SET lock_timeout = " +
                 std::to_string(std::min<int64_t>(settings_.answer.count(), limits::postgres_lock_wait_ms)) +
                 "; SET idle_in_transaction_session_timeout = " + answer_ms +
                 "; SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1"
                 "; SET standard_conforming_strings = on; SET jit = off; SET client_min_messages = error"
                 "; SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'");
}

result<void> postgres_connection::wait(bool for_write, time_point deadline) {
  pollfd watched{PQsocket(connection_), static_cast<short>(for_write ? POLLIN | POLLOUT : POLLIN), 0};
  if (watched.fd < 0) return lost("it is closed");
  constexpr int64_t longest_ms = 500;
  for (;;) {
    const int64_t left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (left > 0 && ::poll(&watched, 1, static_cast<int>(std::min(left, longest_ms))) > 0) return {};
    const bool wanted = settings_.still_wanted();
    if (left > 0 && wanted) continue;
    broken_ = true;
    problem_ = {};
    return wanted ? fail(error_code::unavailable, "PostgreSQL does not answer in time")
                  : fail(error_code::cancelled, "waiting for PostgreSQL was given up: the attempt has ended");
  }
}

result<void> postgres_connection::flush(time_point deadline) {
  for (;;) {
    const int state = PQflush(connection_);
    if (state == 0) return {};
    if (state < 0) return lost("while sending");
    SYSTOLE_TRY(wait(true, deadline));
    // The server may wait for us to read before it reads on.
    if (PQconsumeInput(connection_) == 0) return lost("while sending");
  }
}

result<pg_result*> postgres_connection::next_result(time_point deadline) {
  while (PQisBusy(connection_)) {
    SYSTOLE_TRY(wait(false, deadline));
    if (PQconsumeInput(connection_) == 0) return lost("while waiting for an answer");
  }
  return PQgetResult(connection_);
}

failure postgres_connection::lost(std::string_view doing) {
  broken_ = true;
  problem_ = {};
  return fail(error_code::unavailable, "PostgreSQL: the connection was lost " + std::string(doing));
}

failure postgres_connection::refused(pg_result* answer) {
  problem_ = {field_of(answer, PG_DIAG_SQLSTATE), field_of(answer, PG_DIAG_CONSTRAINT_NAME),
              field_of(answer, PG_DIAG_COLUMN_NAME), field_of(answer, PG_DIAG_TABLE_NAME)};
  if (PQstatus(connection_) == CONNECTION_BAD) broken_ = true;
  if (problem_.sqlstate.empty()) return lost("in a statement");
  const bool rows = is_row_fault(problem_.sqlstate);
  const error_code code = rows ? error_code::data : is_passing(problem_.sqlstate) ? error_code::unavailable : error_code::invalid_argument;
  std::string message = "PostgreSQL " + problem_.sqlstate + ": ";
  message += may_tell_message(problem_.sqlstate) ? field_of(answer, PG_DIAG_MESSAGE_PRIMARY)
                                                 : std::string(explain_sqlstate(problem_.sqlstate));
  for (const auto& [what, name] : {std::pair("constraint", &problem_.constraint), {"column", &problem_.column}, {"table", &problem_.table}})
    if (!name->empty()) message += std::string(", ") + what + " " + *name;
  return fail(code, message, rows ? problem_.sqlstate : std::string());
}

result<postgres_rows> postgres_connection::finish_statement(time_point deadline) {
  postgres_rows last(nullptr);
  std::optional<failure> cause;
  for (;;) {
    SYSTOLE_ASSIGN(pg_result* const answer, next_result(deadline));
    if (!answer) break;
    postgres_rows held(answer);
    const ExecStatusType status = PQresultStatus(answer);
    const bool fine = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
    if (!fine && !cause) cause = refused(answer);
    if (broken_) return *cause;
    // A COPY that was not meant: no further result comes by itself.
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) return lost("in a statement that copies");
    last = std::move(held);
  }
  if (cause) return *cause;
  return last;
}

result<postgres_rows> postgres_connection::query(const std::string& sql, const std::vector<parameter>& parameters) {
  std::vector<const char*> values;
  for (const parameter& each : parameters) values.push_back(each ? each->c_str() : nullptr);
  const auto deadline = deadline_of_answer();
  if (broken_) return lost("earlier");
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0) == 0)
    return lost("before a statement");
  SYSTOLE_TRY(flush(deadline));
  return finish_statement(deadline);
}

result<void> postgres_connection::execute(const std::string& sql) {
  const auto deadline = deadline_of_answer();
  if (broken_) return lost("earlier");
  if (PQsendQuery(connection_, sql.c_str()) == 0) return lost("before a statement");
  SYSTOLE_TRY(flush(deadline));
  SYSTOLE_TRY(finish_statement(deadline));
  return {};
}

result<void> postgres_connection::begin_copy_in(const std::string& sql) { return begin_copy(sql, PGRES_COPY_IN); }
result<void> postgres_connection::begin_copy_out(const std::string& sql) { return begin_copy(sql, PGRES_COPY_OUT); }

result<void> postgres_connection::begin_copy(const std::string& sql, int wanted) {
  const auto deadline = deadline_of_answer();
  if (broken_) return lost("earlier");
  if (PQsendQuery(connection_, sql.c_str()) == 0) return lost("before a COPY");
  SYSTOLE_TRY(flush(deadline));
  SYSTOLE_ASSIGN(pg_result* const answer, next_result(deadline));
  const postgres_rows held(answer);
  if (answer && static_cast<int>(PQresultStatus(answer)) == wanted) return {};
  if (!answer) return lost("in a COPY");
  failure cause = refused(answer);
  if (!broken_) (void)finish_statement(deadline).has_value();  // reads the statement's end; the first failure is told
  return cause;
}

result<void> postgres_connection::put(std::string_view bytes) {
  const auto deadline = deadline_of_answer();
  if (broken_) return lost("earlier");
  for (;;) {
    const int taken = PQputCopyData(connection_, bytes.data(), static_cast<int>(bytes.size()));
    if (taken < 0) return lost("in a COPY");
    if (taken > 0) return flush(deadline);
    SYSTOLE_TRY(wait(true, deadline));
  }
}

result<uint64_t> postgres_connection::end_copy_in() {
  const auto deadline = deadline_of_answer();
  if (broken_) return lost("earlier");
  for (;;) {
    const int taken = PQputCopyEnd(connection_, nullptr);
    if (taken < 0) return lost("in a COPY");
    if (taken > 0) break;
    SYSTOLE_TRY(wait(true, deadline));
  }
  SYSTOLE_TRY(flush(deadline));
  SYSTOLE_ASSIGN(const postgres_rows done, finish_statement(deadline));
  return done.changed();
}

result<std::optional<std::string_view>> postgres_connection::take() {
  PQfreemem(copied_);
  copied_ = nullptr;
  const auto deadline = deadline_of_answer();
  for (;;) {
    const int length = PQgetCopyData(connection_, &copied_, 1);
    if (length > 0) return std::optional<std::string_view>(std::string_view(copied_, static_cast<size_t>(length)));
    if (length == -1) break;
    if (length < -1) return lost("in a COPY");
    SYSTOLE_TRY(wait(false, deadline));
    if (PQconsumeInput(connection_) == 0) return lost("in a COPY");
  }
  SYSTOLE_TRY(finish_statement(deadline));
  return std::optional<std::string_view>();
}

result<bool> postgres_connection::notified() {
  if (broken_ || PQconsumeInput(connection_) == 0) return lost("while listening");
  bool any = false;
  while (PGnotify* const each = PQnotifies(connection_)) {
    any = true;
    PQfreemem(each);
  }
  return any;
}

int postgres_connection::socket() const { return PQsocket(connection_); }
int postgres_connection::server_version() const { return PQserverVersion(connection_); }

std::string quote_postgres_identifier(std::string_view name) {
  std::string made = "\"";
  for (const char each : name) made.append(each == '"' ? 2 : 1, each);
  return made + "\"";
}

std::string quote_postgres_literal(std::string_view text) {
  std::string made = "'";
  for (const char each : text) made.append(each == '\'' ? 2 : 1, each);
  return made + "'";
}

bool is_row_fault(std::string_view sqlstate) {
  const std::string_view kind = sqlstate.substr(0, 2);
  return kind == "22" || kind == "23" || kind == "44" || sqlstate == "P0001";
}

std::string_view explain_sqlstate(std::string_view sqlstate) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> known{{
      {"21000", "two rows of one epoch have one key"},
      {"22001", "a text is too long for its column"},
      {"22003", "a number is out of its column's range"},
      {"22007", "a date or time is not one"},
      {"22008", "a date or time is out of range"},
      {"22021", "a text has bytes that are not UTF-8, or NUL"},
      {"22P02", "a text is not a value of its column's type"},
      {"23502", "a column that must not be NULL is NULL"},
      {"23503", "a foreign key is violated"},
      {"23505", "a unique constraint is violated"},
      {"23514", "a check is violated"},
      {"23P01", "an exclusion constraint is violated"},
      {"44000", "a view's check option is violated"},
      {"P0001", "a trigger raised an exception"},
  }};
  for (const auto& [code, text] : known)
    if (code == sqlstate) return text;
  return "the server refuses it";
}

}  // namespace systole
