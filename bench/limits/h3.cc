// h3 length of stay, by hand: admissions joined to discharges of the patient within 90 days, day windows by department.
#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <map>

#include "bench/limits/event_reader.h"

using namespace limits_bench;

namespace {
constexpr int64_t day_ms = 86'400'000, range_ms = 90 * day_ms, bound_ms = 30'000;

struct stays {
  int64_t count = 0, sum = 0, low = INT64_MAX, high = INT64_MIN;
};
struct discharge {
  int64_t ms;
  uuid patient;
  std::string department;
  bool operator<(const discharge& other) const { return ms > other.ms; }
};
}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: limit_h3 LOG FILE...\n"), 2;
  const auto started = std::chrono::steady_clock::now();
  second_log log(argv[1]);
  absl::flat_hash_map<uuid, std::pair<int64_t, int32_t>> admissions;  // time, index of further ones or -1
  std::vector<std::pair<int64_t, int32_t>> more;
  absl::flat_hash_map<std::string, stays> windows;
  std::vector<discharge> waiting;  // heap: discharges that an admission may still precede
  int64_t newest = INT64_MIN;
  uint64_t events = 0;
  std::string key;
  const auto join = [&](const discharge& d) {
    const auto found = admissions.find(d.patient);
    if (found == admissions.end()) return;
    for (auto at = found->second;;) {
      if (at.first <= d.ms && d.ms <= at.first + range_ms) {
        const int64_t window = d.ms / day_ms * day_ms, stay = (d.ms - at.first) / 1000;
        key.assign(reinterpret_cast<const char*>(&window), sizeof window);
        key += d.department;
        stays& s = windows[key];
        ++s.count, s.sum += stay, s.low = std::min(s.low, stay), s.high = std::max(s.high, stay);
      }
      if (at.second < 0) break;
      at = more[static_cast<size_t>(at.second)];
    }
  };
  ondemand::parser parser;
  for_each_line({argv + 2, argv + argc}, [&](std::string_view line) {
    auto document = parser.iterate(line.data(), line.size(), line.size() + simdjson::SIMDJSON_PADDING);
    auto object = document.get_object();
    const std::string_view type = object["event_type"].get_string();
    const bool admission = type[0] == 'A';
    const uuid patient = parse_uuid(object["patient_id"].get_string());
    const std::string_view department = object["department"].get_string();
    const std::string_view kept_department = department;
    const int64_t ms = parse_time(object["event_timestamp"].get_string()) / 1000;
    newest = std::max(newest, ms);
    if (admission) {
      const auto [at, inserted] = admissions.try_emplace(patient, ms, -1);
      if (!inserted) {
        more.push_back(at->second);
        at->second = {ms, static_cast<int32_t>(more.size()) - 1};
      }
      log.append(&patient, sizeof patient), log.append(&ms, sizeof ms);
    } else {
      waiting.push_back({ms, patient, std::string(kept_department)});
      std::push_heap(waiting.begin(), waiting.end());
      log.append(&patient, sizeof patient), log.append(&ms, sizeof ms), log.append(kept_department.data(), kept_department.size());
    }
    while (!waiting.empty() && waiting.front().ms < newest - bound_ms) {
      join(waiting.front());
      std::pop_heap(waiting.begin(), waiting.end());
      waiting.pop_back();
    }
    if (++events % 1024 == 0 && log.tick())
      for (const auto& [window, s] : windows) log.append(window.data(), window.size()), log.append(&s, sizeof s);
  });
  for (const discharge& d : waiting) join(d);
  log.finish();
  uint64_t checksum = 0;
  for (const auto& [window, s] : windows) {
    int64_t start;
    std::memcpy(&start, window.data(), sizeof start);
    checksum += row_checksum(std::to_string(start) + "," + window.substr(8) + "," + std::to_string(s.count) + "," +
                             std::to_string(s.sum) + "," + std::to_string(s.low) + "," + std::to_string(s.high));
  }
  print_result("h3", events, windows.size(), checksum, started, process_cpu_seconds());
}
