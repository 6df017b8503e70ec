#pragma once

#include <fcntl.h>
#include <simdjson.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

/// What the hand-written programs share: reading lines, UUIDs and times as numbers, a log with fdatasync each second,
/// and the result line. No engine: one thread, the simplest code that does the same work with the same durability.
namespace limits_bench {

namespace ondemand = simdjson::ondemand;

inline void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// Calls `each` with every line of the files, in turn. The line has SIMDJSON_PADDING readable bytes behind it.
template <class F>
void for_each_line(const std::vector<std::string>& paths, F each) {
  constexpr size_t chunk = 1 << 20;
  std::vector<char> buffer(2 * chunk + simdjson::SIMDJSON_PADDING);
  for (const std::string& path : paths) {
    const int file = ::open(path.c_str(), O_RDONLY);
    if (file < 0) die(path.c_str());
    size_t held = 0;
    for (;;) {
      const ssize_t got = ::read(file, buffer.data() + held, chunk);
      if (got < 0) die("read");
      if (got == 0) break;
      const size_t end = held + static_cast<size_t>(got);
      size_t start = 0;
      while (const void* newline = std::memchr(buffer.data() + start, '\n', end - start)) {
        const size_t at = static_cast<size_t>(static_cast<const char*>(newline) - buffer.data());
        each(std::string_view(buffer.data() + start, at - start));
        start = at + 1;
      }
      held = end - start;
      std::memmove(buffer.data(), buffer.data() + start, held);
    }
    ::close(file);
  }
}

struct uuid {
  uint64_t high, low;
  friend bool operator==(const uuid&, const uuid&) = default;
  template <class H>
  friend H AbslHashValue(H h, const uuid& id) { return H::combine(std::move(h), id.high, id.low); }
};

inline uuid parse_uuid(std::string_view text) {
  static const auto values = [] {
    std::array<uint8_t, 256> table{};
    for (int i = 0; i < 10; ++i) table[static_cast<size_t>('0' + i)] = static_cast<uint8_t>(i);
    for (int i = 0; i < 6; ++i) table[static_cast<size_t>('a' + i)] = static_cast<uint8_t>(10 + i);
    return table;
  }();
  uint64_t parts[2] = {0, 0};
  int digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    parts[digits / 16] = parts[digits / 16] << 4 | values[static_cast<uint8_t>(c)];
    ++digits;
  }
  return {parts[0], parts[1]};
}

/// Microseconds of "YYYY-MM-DDTHH:MM:SS.ffffff".
inline int64_t parse_time(std::string_view t) {
  const auto two = [&](size_t i) { return (t[i] - '0') * 10 + (t[i + 1] - '0'); };
  const int year = two(0) * 100 + two(2), month = two(5), day = two(8);
  const int y = year - (month <= 2), era = y / 400, yoe = y - era * 400;
  const int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t days = static_cast<int64_t>(era) * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
  const int64_t micros = (two(20) * 100 + two(22)) * 100 + two(24);
  return ((days * 24 + two(11)) * 60 + two(14)) * 60'000'000 + two(17) * 1'000'000 + micros;
}

/// An append-only log that is made durable once a second: the durability of a checkpoint each second.
class second_log {
 public:
  explicit second_log(const std::string& path) : file_(::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644)) {
    if (file_ < 0) die(path.c_str());
  }
  void append(const void* bytes, size_t length) {
    buffer_.append(static_cast<const char*>(bytes), length);
    if (buffer_.size() >= 256 * 1024) flush();
  }
  /// Call now and then; true when a second had passed and the log was synced.
  bool tick() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(1)) return false;
    last_ = now;
    flush();
    if (::fdatasync(file_) != 0) die("fdatasync");
    return true;
  }
  void finish() {
    flush();
    if (::fdatasync(file_) != 0) die("fdatasync");
  }

 private:
  void flush() {
    if (!buffer_.empty() && ::write(file_, buffer_.data(), buffer_.size()) != static_cast<ssize_t>(buffer_.size())) die("write");
    buffer_.clear();
  }
  int file_;
  std::string buffer_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// Sum of the first 8 bytes (big-endian) of SHA-256 over canonical rows; see bench/README.md.
uint64_t row_checksum(std::string_view canonical_row);

/// Prints the result as one JSON line.
inline void print_result(const char* workload, uint64_t events, uint64_t rows, uint64_t checksum,
                         std::chrono::steady_clock::time_point started, double cpu_seconds) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::printf("{\"workload\":\"%s\",\"engine\":\"hand-written\",\"events\":%llu,\"rows\":%llu,\"checksum\":\"%016llx\","
              "\"cpu_s\":%.3f,\"wall_s\":%.3f,\"events_per_cpu_s\":%.0f,\"peak_rss_mib\":%.1f}\n",
              workload, static_cast<unsigned long long>(events), static_cast<unsigned long long>(rows),
              static_cast<unsigned long long>(checksum), cpu_seconds, wall, static_cast<double>(events) / cpu_seconds,
              static_cast<double>(usage.ru_maxrss) / 1024);
}

inline double process_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace limits_bench
