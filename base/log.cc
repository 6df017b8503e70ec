#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>

namespace systole {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("systole", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum spdlog_level(log_level level) {
  switch (level) {
    case log_level::debug: return spdlog::level::debug;
    case log_level::info: return spdlog::level::info;
    case log_level::warning: return spdlog::level::warn;
    case log_level::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

/// The last lines of this process.
struct kept_lines {
  std::mutex mutex;
  std::deque<logged_line> lines;
  uint64_t last = 0;
};
kept_lines& kept() {
  static kept_lines all;
  return all;
}

void keep(log_level level, std::string_view component, std::string_view message) {
  logged_line made;
  made.at_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  made.level = level;
  made.text = std::string(component) + ": " + std::string(message.substr(0, logged_line_bytes));
  if (made.text.size() > logged_line_bytes) made.text.resize(logged_line_bytes);
  kept_lines& all = kept();
  const std::lock_guard lock(all.mutex);
  made.sequence = ++all.last;
  all.lines.push_back(std::move(made));
  if (all.lines.size() > logged_lines) all.lines.pop_front();
}

}  // namespace

void log_line(log_level level, std::string_view component, std::string_view message) {
  if (!logger().should_log(spdlog_level(level))) return;
  logger().log(spdlog_level(level), "{}: {}", component, message);
  keep(level, component, message);
}

const char* name_of(log_level level) {
  switch (level) {
    case log_level::debug: return "debug";
    case log_level::info: return "info";
    case log_level::warning: return "warning";
    case log_level::error: return "error";
  }
  return "unknown";
}

std::vector<logged_line> lines_logged_after(uint64_t sequence, size_t most) {
  kept_lines& all = kept();
  const std::lock_guard lock(all.mutex);
  const auto from =
      std::find_if(all.lines.begin(), all.lines.end(), [&](const auto& each) { return each.sequence > sequence; });
  const auto count = std::min<size_t>(most, static_cast<size_t>(all.lines.end() - from));
  return {from, from + static_cast<std::ptrdiff_t>(count)};
}

void set_log_level(log_level level) { logger().set_level(spdlog_level(level)); }

}  // namespace systole
