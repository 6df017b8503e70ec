#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "connectors/postgres/postgres_connection.h"
#include "proto/plan.pb.h"

namespace systole::testing {

/// A real PostgreSQL 15 of this process's own: a cluster in a temporary directory, reached by a socket in it. Where this
/// process is root the server runs as the user `postgres`. Ends with the object.
class postgres_server {
 public:
  /// Null where PostgreSQL is not installed ($PG_BIN or /usr/lib/postgresql/15/bin). Aborts the test run on other failures.
  static std::unique_ptr<postgres_server> make();
  ~postgres_server();
  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;

  /// Starts it and waits until it answers.
  void start();
  /// kill -9 of the server with all its backends.
  void kill();
  /// An immediate or orderly shutdown: sessions are ended (57P01).
  void shut_down();
  /// kill -STOP and -CONT of all its processes.
  void freeze() const;
  void thaw() const;

  /// CPU time of all its processes that live.
  double cpu_seconds() const;

  /// The folder of its socket.
  const std::string& folder() const { return folder_; }
  /// Settings for the user systole (a superuser) and the database postgres; `socket_folder` for one behind a proxy.
  proto::Connection connection(const std::string& socket_folder = {}) const;
  /// The same for a connection of the test's own.
  postgres_settings settings() const;
  /// Runs statements; fails the test where one fails.
  void execute(const std::string& sql) const;
  /// All rows, columns joined by commas, NULL as nothing, one row a line.
  std::string query(const std::string& sql) const;

 private:
  explicit postgres_server(std::string binaries);
  std::unique_ptr<postgres_connection> open() const;
  pid_t spawn(const std::vector<std::string>& words) const;
  std::vector<pid_t> processes() const;

  std::string binaries_, folder_;
  pid_t server_ = 0;
};

/// The server of this test binary.
postgres_server& server();

/// A schema that no other test uses.
std::string fresh_schema();

}  // namespace systole::testing
