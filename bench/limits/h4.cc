// h4, by hand: 15-minute windows per (hospital_id, department): counts, average heart rate, sum of stays.
#include <absl/container/flat_hash_map.h>

#include <cmath>
#include <optional>

#include "bench/limits/event_reader.h"

using namespace limits_bench;

namespace {
struct activity {
  int64_t count = 0, admissions = 0, discharges = 0, heart_rate = 0, stays = 0;
  double stay_sum = 0;
};
}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: limit_h4 LOG FILE...\n"), 2;
  const auto started = std::chrono::steady_clock::now();
  second_log log(argv[1]);
  struct row { std::string key; activity a; };
  std::vector<row> fired;
  absl::flat_hash_map<int64_t, absl::flat_hash_map<std::string, activity>> windows;
  int64_t newest = INT64_MIN, fired_until = INT64_MIN;
  uint64_t events = 0;
  std::string key;
  const auto fire = [&](int64_t until) {
    for (auto at = windows.begin(); at != windows.end();) {
      if (at->first + 900'000 - 1 > until) { ++at; continue; }
      for (auto& [unit, a] : at->second) fired.push_back({std::to_string(at->first) + "," + unit, a});
      windows.erase(at++);
    }
  };
  ondemand::parser parser;
  for_each_line({argv + 2, argv + argc}, [&](std::string_view line) {
    auto document = parser.iterate(line.data(), line.size(), line.size() + simdjson::SIMDJSON_PADDING);
    auto object = document.get_object();
    const std::string_view type = object["event_type"].get_string();
    const bool admission = type[0] == 'A';
    const std::string_view department = object["department"].get_string();
    const int64_t hospital = object["hospital_id"].get_int64();
    std::optional<double> stay;
    if (!admission) {
      double value;
      if (object["length_of_stay_hrs"].get_double().get(value) == simdjson::SUCCESS) stay = value;
    }
    const int64_t heart_rate = object["vitals"]["heart_rate"].get_int64();
    const int64_t ms = parse_time(object["event_timestamp"].get_string()) / 1000;
    key.assign(std::to_string(hospital)).append(",").append(department);
    activity& a = windows[ms / 900'000 * 900'000][key];
    ++a.count, ++(admission ? a.admissions : a.discharges), a.heart_rate += heart_rate;
    if (stay) ++a.stays, a.stay_sum += *stay;
    newest = std::max(newest, ms);
    if (++events % 1024 == 0) {
      if (newest - 30'001 > fired_until) fire(fired_until = newest - 30'001);
      if (log.tick())
        for (const auto& [start, units] : windows)
          for (const auto& [unit, each] : units) log.append(unit.data(), unit.size()), log.append(&each, sizeof each);
    }
  });
  fire(INT64_MAX);
  log.finish();
  uint64_t checksum = 0;
  for (const auto& [group, a] : fired) {
    const auto scaled = [](double v, double by) { return std::to_string(static_cast<int64_t>(std::floor(v * by + 0.5))); };
    checksum += row_checksum(group + "," + std::to_string(a.count) + "," + std::to_string(a.admissions) + "," +
                             std::to_string(a.discharges) + "," +
                             scaled(static_cast<double>(a.heart_rate) / static_cast<double>(a.count), 1000) + "," +
                             (a.stays ? scaled(a.stay_sum, 100) : ""));
  }
  print_result("h4", events, fired.size(), checksum, started, process_cpu_seconds());
}
