#include "actors/crash_points.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace systole {

crash_points::crash_points(const std::string& crash_at) : point_(crash_at.substr(0, crash_at.find(':'))) {
  const size_t colon = crash_at.find(':');
  left_ = colon == std::string::npos ? 1 : std::atoi(crash_at.c_str() + colon + 1);
  stops_ = crash_at.ends_with(":stop");
}

void crash_points::reach(std::string_view point) const {
  if (point_.empty() || point != point_) return;
  const int left = left_.fetch_sub(1);
  if (stops_ && left <= 1) ::raise(SIGSTOP);
  if (!stops_ && left == 1) ::_exit(137);
}

}  // namespace systole
