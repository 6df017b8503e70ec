#include "postgres_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace systole::testing {
namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "the tests' PostgreSQL: %s\n", why.c_str());
  std::exit(1);
}

/// The unprivileged user where this process is root; PostgreSQL refuses root.
const passwd* other_user() {
  if (::geteuid() != 0) return nullptr;
  const passwd* user = ::getpwnam("postgres");
  if (!user) give_up("there is no user postgres to run as");
  return user;
}

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

}  // namespace

std::unique_ptr<postgres_server> postgres_server::make() {
  const char* given = std::getenv("PG_BIN");
  const std::string binaries = given ? given : "/usr/lib/postgresql/15/bin";
  if (!std::filesystem::exists(binaries + "/initdb")) return nullptr;
  std::unique_ptr<postgres_server> made(new postgres_server(binaries));
  made->start();
  return made;
}

postgres_server::postgres_server(std::string binaries) : binaries_(std::move(binaries)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "systole-pg-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) give_up("cannot make " + pattern);
  folder_ = pattern;
  ::chmod(folder_.c_str(), 0755);
  if (const passwd* user = other_user())
    if (::chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) give_up("cannot give away " + folder_);
  const pid_t made = spawn({binaries_ + "/initdb", "-D", folder_ + "/data", "--locale=C", "--encoding=UTF8", "-A", "trust", "-U", "systole",
                            "--no-sync", "--no-instructions"});
  int status = 0;
  ::waitpid(made, &status, 0);
  if (status != 0) give_up("initdb failed: " + read_text(folder_ + "/log"));
}

postgres_server::~postgres_server() {
  if (server_ != 0) {
    thaw();
    kill();
  }
  std::error_code ignored;  // a leftover temporary directory harms nobody
  std::filesystem::remove_all(folder_, ignored);
}

pid_t postgres_server::spawn(const std::vector<std::string>& words) const {
  const passwd* user = other_user();
  const std::string log = folder_ + "/log";
  std::vector<char*> arguments;
  for (const std::string& each : words) arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) give_up("fork failed");
  if (child > 0) return child;
  if (user && (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(127);
  if (::chdir("/") != 0) ::_exit(127);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

void postgres_server::start() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (std::chrono::steady_clock::now() < deadline) {
    // fsync=off: what dies here is the server, not the machine. mmap: its shared memory goes with its folder.
    if (server_ == 0)
      server_ = spawn({binaries_ + "/postgres", "-D", folder_ + "/data", "-k", folder_, "-c", "listen_addresses=", "-c", "fsync=off", "-c",
                       "shared_buffers=32MB", "-c", "max_wal_size=1GB", "-c", "max_connections=40", "-c", "autovacuum=off", "-c",
                       "dynamic_shared_memory_type=mmap"});
    int status = 0;
    // It ends by itself while processes of the one before hold its memory.
    if (::waitpid(server_, &status, WNOHANG) == server_) {
      server_ = 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // nor has their end one
      continue;
    }
    if (postgres_connection::open(settings())) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it has no other sign of being ready
  }
  give_up("it does not start: " + read_text(folder_ + "/log"));
}

std::vector<pid_t> postgres_server::processes() const {
  std::vector<pid_t> made{server_};
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    const std::string text = read_text(entry.path().string() + "/stat");
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos || name_end + 4 >= text.size()) continue;
    if (std::atoi(text.c_str() + name_end + 4) == server_) made.push_back(pid);  // its parent
  }
  return made;
}

double postgres_server::cpu_seconds() const {
  double sum = 0;
  for (const pid_t each : processes()) {
    const std::string text = read_text("/proc/" + std::to_string(each) + "/stat");
    std::stringstream fields(text.substr(std::min(text.rfind(')') + 2, text.size())));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;  // up to utime, field 14
    double user = 0, system = 0;
    fields >> user >> system;
    sum += (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  return sum;
}

void postgres_server::kill() {
  freeze();  // no new backend while they are listed
  for (const pid_t each : processes()) ::kill(each, SIGKILL);
  ::waitpid(server_, nullptr, 0);
  server_ = 0;
}

void postgres_server::shut_down() {
  ::kill(server_, SIGINT);
  ::waitpid(server_, nullptr, 0);
  server_ = 0;
}

void postgres_server::freeze() const {
  for (const pid_t each : processes()) ::kill(each, SIGSTOP);
}

void postgres_server::thaw() const {
  for (const pid_t each : processes()) ::kill(each, SIGCONT);
}

proto::Connection postgres_server::connection(const std::string& socket_folder) const {
  proto::Connection made;
  made.set_name("test-db");
  auto& settings = *made.mutable_settings();
  settings["host"] = socket_folder.empty() ? folder_ : socket_folder;
  settings["port"] = "5432";
  settings["dbname"] = "postgres";
  settings["user"] = "systole";
  settings["sslmode"] = "disable";
  return made;
}

postgres_settings postgres_server::settings() const {
  const proto::Connection how = connection();
  postgres_settings made;
  for (const auto& [name, value] : how.settings()) made.keywords.emplace_back(name, value);
  return made;
}

std::unique_ptr<postgres_connection> postgres_server::open() const {
  auto made = postgres_connection::open(settings());
  if (!made) give_up(made.error().message);
  return std::move(made).value();
}

void postgres_server::execute(const std::string& sql) const {
  const auto done = open()->execute(sql);
  EXPECT_TRUE(done.has_value()) << sql << ": " << (done ? "" : done.error().message);
}

std::string postgres_server::query(const std::string& sql) const {
  // The columns joined by the server; NULL is nothing.
  const auto rows = open()->query("SELECT replace(replace(regexp_replace(r::text, '^\\((.*)\\)$', '\\1'), '\"', ''), chr(10), ' ') FROM (" + sql + ") AS r");
  EXPECT_TRUE(rows.has_value()) << sql << ": " << (rows ? "" : rows.error().message);
  std::string all;
  for (size_t row = 0; rows && row < rows->rows(); ++row) all += std::string(rows->text(row, 0)) + "\n";
  return all;
}

std::string fresh_schema() {
  static int number = 0;
  const std::string name = "test_" + std::to_string(++number);
  server().execute("CREATE SCHEMA " + name);
  return name;
}

}  // namespace systole::testing
