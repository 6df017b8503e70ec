#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace systole::testing {

/// Runs a program to its end, or kills it with SIGKILL after `life` (0: not). `words`: its path and arguments. What it
/// writes to stderr replaces the file `log`. Gives the exit status, 128 + signal for a killed one.
int run_child(std::vector<std::string> words, const std::string& log, std::chrono::milliseconds life);

}  // namespace systole::testing
