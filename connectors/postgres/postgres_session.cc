#include "connectors/postgres/postgres_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "connectors/connection_settings.h"
#include "data/key_encoding.h"

namespace systole {

std::string postgres_application(const std::string& job, const std::string& step) {
  return fmt::format("systole-{:016x}", hash_key(job + '\0' + step));
}

result<void> postgres_session::connect() {
  postgres_settings with;
  SYSTOLE_ASSIGN(const connection_settings resolved,
                 resolve_connection(settings_.connection, settings_.secret_directory, *settings_.files));
  with.keywords.assign(resolved.begin(), resolved.end());
  with.application = settings_.application;
  with.answer = settings_.answer;
  with.still_wanted = settings_.still_current;
  SYSTOLE_ASSIGN(auto made, postgres_connection::open(with));
  if (prepare_) SYSTOLE_TRY(prepare_(*made));
  connection_ = std::move(made);
  return {};
}

result<void> postgres_session::try_once(const work& what) {
  if (connection_ && connection_->broken()) connection_.reset();
  if (!connection_) SYSTOLE_TRY(connect());
  result<void> done = what(*connection_);
  if (done) return {};
  const postgres_problem problem = connection_->problem();
  // The first failure is the one to tell; a connection that cannot even roll back is given up.
  if (connection_->broken() || !connection_->execute("ROLLBACK")) connection_.reset();
  constexpr std::string_view lock_not_available = "55P03";
  if (problem.sqlstate == lock_not_available && connection_ && settings_.still_current()) end_other_sessions();
  return done;
}

void postgres_session::end_other_sessions() {
  const auto ended = connection_->query(
      "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity "
      "WHERE application_name = $1 AND pid <> pg_backend_pid() AND usename = current_user AND datname = current_database()",
      {settings_.application});
  // Where that is refused the lock's time-out goes on telling.
  if (ended && ended->rows() == 1 && ended->integer(0, 0) > 0)
    log_line(log_level::warning, "postgresql", settings_.owner + ": ended " + std::string(ended->text(0, 0)) +
                                                   " other session(s) of it that held its epoch's row");
}

result<void> postgres_session::run(const work& what, std::chrono::milliseconds at_most) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  std::chrono::milliseconds pause(limits::postgres_retry_first_ms);
  for (size_t tries = 1;; ++tries) {
    if (!settings_.still_current())
      return fail(error_code::cancelled, settings_.owner + ": this attempt of the job is not the current one any more");
    result<void> done = try_once(what);
    if (done) {
      if (tries > 1) log_line(log_level::info, "postgresql", fmt::format("{}: goes on after {} tries", settings_.owner, tries));
      return {};
    }
    if (done.error().code != error_code::unavailable) return done;
    if (std::chrono::steady_clock::now() + pause >= deadline) return done;
    if (tries == 1)
      log_line(log_level::warning, "postgresql",
               fmt::format("{}: {}; trying again for {} s", settings_.owner, done.error().message, at_most.count() / 1000));
    // The caller's thread may wait, and for no longer than a worker's shutdown: limits::postgres_retry_most_ms.
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(limits::postgres_retry_most_ms));
  }
}

}  // namespace systole
