#pragma once

#include <functional>
#include <string>
#include <thread>

namespace systole {

/// Calls `on_stop` on a thread of its own at the first SIGINT or SIGTERM; a second one writes `told_at_once` to standard error and
/// ends the process with 130 at once.
/// One at a time in a process; the signals have their former meaning again after destruction.
class stop_signals {
 public:
  explicit stop_signals(std::function<void()> on_stop, std::string told_at_once = {});
  ~stop_signals();
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;

 private:
  std::thread waiter_;
};

}  // namespace systole
