#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "connectors/postgres/postgres_connection.h"
#include "proto/plan.pb.h"

namespace systole {

/// What a session needs of its surroundings. References outlive it.
struct postgres_session_settings {
  proto::Connection connection;
  std::string secret_directory;
  file_system* files = nullptr;
  std::string owner;                         ///< "sink NAME", for log lines
  std::string application;                   ///< one for all sessions of this owner, whatever the attempt
  std::function<bool()> still_current = [] { return true; };
  std::chrono::milliseconds answer{limits::postgres_answer_ms};
};

/// The name that all sessions of one sink have in pg_stat_activity, short enough not to be cut.
std::string postgres_application(const std::string& job, const std::string& step);

/// A connection that comes back: work that fails with `unavailable` is tried again, on a new connection where the old one
/// is gone. Secrets are read for each connection anew, so that a changed password is found. One thread.
class postgres_session {
 public:
  using work = std::function<result<void>(postgres_connection&)>;
  /// `prepare`: what each new connection needs before any work.
  postgres_session(postgres_session_settings settings, work prepare)
      : settings_(std::move(settings)), prepare_(std::move(prepare)) {}

  /// Does the work, which must be whole and repeatable (a transaction that finds out whether it had been done). Tries for
  /// `at_most`; logs the first failure and the success after it. `unavailable` after that, `cancelled` where the attempt
  /// is not current any more. A transaction that fails is rolled back.
  result<void> run(const work& what, std::chrono::milliseconds at_most);
  /// One try, without waiting.
  result<void> try_once(const work& what);
  /// The connection, if there is one.
  postgres_connection* connection() { return connection_.get(); }

 private:
  result<void> connect();
  /// Ends sessions of the same owner, which hold what we wait for: a frozen predecessor, or a connection that was lost here
  /// and is still alive there.
  void end_other_sessions();

  postgres_session_settings settings_;
  work prepare_;
  std::unique_ptr<postgres_connection> connection_;
};

}  // namespace systole
