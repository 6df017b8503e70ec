#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "bench/probe/sent_events.h"

namespace latency_bench {

/// `,"name":value`
inline std::string member(const char* name, double value) {
  char text[96];
  std::snprintf(text, sizeof text, ",\"%s\":%.10g", name, value);
  return text;
}
inline std::string member(const char* name, uint64_t value) {
  return ",\"" + std::string(name) + "\":" + std::to_string(value);
}

/// Prints a line of JSON: the phase's name, its members, and the time. Any thread.
inline void tell_phase(const char* name, const std::string& members = "") {
  std::printf("{\"phase\":\"%s\"%s,\"at_us\":%lld}\n", name, members.c_str(), static_cast<long long>(now_us()));
  std::fflush(stdout);
}

}  // namespace latency_bench
