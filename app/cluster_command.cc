#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <vector>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/node_flags.h"

namespace systole {
namespace {

struct local_cluster_flags {
  uint32_t workers = 3;
  uint32_t slots = 2;
  std::string directory = "systole-cluster";
  std::string listen = "127.0.0.1:8481";
  std::string api = "127.0.0.1:8480";
  std::string memory = "512MiB";
  std::string secrets;
  bool allow_tap = false;
};

/// This program as another process, which ends when this one does.
result<pid_t> start(const std::vector<std::string>& words) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail(error_code::io, std::string("cannot start a process: ") + std::strerror(errno));
  if (child > 0) return child;
  ::setpgid(0, 0);  // the terminal's Ctrl-C is for the parent, which ends them in order
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(exit_negative);
  std::vector<char*> pointers{const_cast<char*>("systole")};
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // By its name where it has one still, so that process lists show it.
  char path[4096] = {};
  if (::readlink("/proc/self/exe", path, sizeof path - 1) > 0) ::execv(path, pointers.data());
  ::execv("/proc/self/exe", pointers.data());
  ::_exit(exit_negative);
}

/// A process of the cluster; started again when it dies, but not for ever.
struct member {
  std::string name;
  std::vector<std::string> words;
  std::chrono::steady_clock::time_point started;
  uint32_t quick_deaths = 0;
};
constexpr std::chrono::seconds quick{5};
constexpr uint32_t most_quick_deaths = 3;

/// Waits for SIGINT, SIGTERM or the end of a child. Returns the child, or 0.
pid_t wait_for_news(const sigset_t& signals, int* status) {
  while (true) {
    const int signal = ::sigwaitinfo(&signals, nullptr);
    if (signal == SIGINT || signal == SIGTERM) return 0;
    if (signal == SIGCHLD)
      if (const pid_t ended = ::waitpid(-1, status, WNOHANG); ended > 0) return ended;
  }
}

result<void> run_cluster(const local_cluster_flags& flags) {
  SYSTOLE_ASSIGN(const std::string directory, absolute_path(flags.directory));
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int each : {SIGINT, SIGTERM, SIGCHLD}) ::sigaddset(&signals, each);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::map<pid_t, member> running;
  const auto add = [&](member what) -> result<void> {
    if (what.started == std::chrono::steady_clock::time_point()) {
      if (!flags.secrets.empty()) what.words.insert(what.words.end(), {"--secrets", flags.secrets});
      if (flags.allow_tap) what.words.push_back("--allow-tap");
    }
    what.started = std::chrono::steady_clock::now();
    SYSTOLE_ASSIGN(const pid_t pid, start(what.words));
    running[pid] = std::move(what);
    return {};
  };
  SYSTOLE_TRY(add({"the coordinator",
                   {"coordinator", "--storage", directory + "/storage", "--listen", flags.listen, "--api", flags.api},
                   {}}));
  for (uint32_t i = 1; i <= flags.workers; ++i) {
    const std::string name = "worker-" + std::to_string(i);
    SYSTOLE_TRY(add({name,
                     {"worker", "--coordinator", flags.listen, "--name", name, "--node", name, "--state",
                      directory + "/" + name, "--slots", std::to_string(flags.slots), "--memory", flags.memory,
                      "--drain-seconds", "0"},
                     {}}));
  }
  std::fprintf(stderr,
               "A cluster of %u workers with %u slots each; what it keeps is in %s.\n"
               "Submit a job:  systole submit job.yaml --server http://%s\n"
               "Ctrl-C ends it; started again with the same directory, its jobs go on.\n",
               flags.workers, flags.slots, flags.directory.c_str(), flags.api.c_str());
  std::optional<failure> cause;
  int status = 0;
  while (const pid_t ended = wait_for_news(signals, &status)) {
    const auto found = running.find(ended);
    if (found == running.end()) continue;
    member dead = std::move(found->second);
    running.erase(found);
    const bool at_once = std::chrono::steady_clock::now() - dead.started < quick;
    dead.quick_deaths = at_once ? dead.quick_deaths + 1 : 0;
    if (dead.quick_deaths >= most_quick_deaths) {
      cause = fail(error_code::unavailable, dead.name + " ends again and again; see its messages above");
      break;
    }
    std::fprintf(stderr, "cluster: %s has ended; starting it again\n", dead.name.c_str());
    if (auto again = add(std::move(dead)); !again) {
      cause = std::move(again).error();
      break;
    }
  }
  for (const auto& [pid, each] : running) ::kill(pid, SIGTERM);
  for (const auto& [pid, each] : running) ::waitpid(pid, &status, 0);
  if (cause) return *cause;
  return {};
}

}  // namespace

void add_cluster_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("cluster", "Run a coordinator and workers on this machine, for trying out");
  auto flags = std::make_shared<local_cluster_flags>();
  verb->add_option("--workers", flags->workers, "Worker processes")->check(CLI::Range(1u, 64u))->capture_default_str();
  verb->add_option("--slots", flags->slots, "Slots of each worker")->check(CLI::Range(1u, 1024u))->capture_default_str();
  verb->add_option("--directory", flags->directory, "Where everything is kept")->capture_default_str();
  verb->add_option("--memory", flags->memory, "Memory limit of each worker")->capture_default_str();
  verb->add_option("--listen", flags->listen, "Where workers connect: ADDRESS:PORT")->capture_default_str();
  verb->add_option("--api", flags->api, "Where users and the command connect: ADDRESS:PORT")->capture_default_str();
  verb->add_option("--secrets", flags->secrets, "Directory of the connections' secrets: DIR/NAME/KEY for each secretRef");
  add_tap_flag(*verb, flags->allow_tap);
  verb->footer(
      "Examples:\n"
      "  systole cluster --workers 3\n"
      "  systole submit jobs/hospital/occupancy/job.yaml --param events=adt.ndjson");
  verb->callback([&chosen, flags] {
    chosen = [flags] { return tell("cluster", run_cluster(*flags)); };
  });
}

}  // namespace systole
