#include "tests/support/child_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

namespace systole::testing {
namespace {

int exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

int run_child(std::vector<std::string> words, const std::string& log, std::chrono::milliseconds life) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<char*> pointers;
    for (std::string& each : words) pointers.push_back(each.data());
    pointers.push_back(nullptr);
    if (!std::freopen(log.c_str(), "w", stderr) || !std::freopen("/dev/null", "w", stdout)) ::_exit(126);
    ::execv(pointers[0], pointers.data());
    ::_exit(126);
  }
  int status = 0;
  if (life.count() > 0) {
    const auto until = std::chrono::steady_clock::now() + life;
    while (std::chrono::steady_clock::now() < until) {
      if (::waitpid(child, &status, WNOHANG) == child) return exit_status(status);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the child's life, which is what is tested
    }
    ::kill(child, SIGKILL);
  }
  ::waitpid(child, &status, 0);
  return exit_status(status);
}

}  // namespace systole::testing
