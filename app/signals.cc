#include "app/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <utility>

#include "app/exit_code.h"

namespace systole {
namespace {

int pipe_ends[2] = {-1, -1};
std::atomic<int> received{0};
std::string at_once;  // changed only while no handler is installed

/// Only async-signal-safe calls here.
void handle(int) {
  if (received.fetch_add(1) > 0) {
    // The process ends either way, so a failed write changes nothing.
    [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, at_once.data(), at_once.size());
    ::_exit(exit_interrupted);
  }
  const char byte = 's';
  // A full pipe already holds a byte, so a failed write loses nothing.
  [[maybe_unused]] const ssize_t written = ::write(pipe_ends[1], &byte, 1);
}

void install(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

stop_signals::stop_signals(std::function<void()> on_stop, std::string told_at_once) {
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) std::abort();
  received = 0;
  at_once = std::move(told_at_once);
  install(handle);
  waiter_ = std::thread([on_stop = std::move(on_stop)] {
    char byte = 0;
    while (::read(pipe_ends[0], &byte, 1) < 0) {
    }
    if (byte == 's') on_stop();
  });
}

stop_signals::~stop_signals() {
  install(SIG_DFL);
  const char byte = 'e';
  [[maybe_unused]] const ssize_t written = ::write(pipe_ends[1], &byte, 1);
  waiter_.join();
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

}  // namespace systole
