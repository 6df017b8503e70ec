// h2 occupancy, by hand: one event per event_id, running sum per (hospital_id, department), a change row per kept event.
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "bench/limits/event_reader.h"

using namespace limits_bench;

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: limit_h2 LOG FILE...\n"), 2;
  const auto started = std::chrono::steady_clock::now();
  second_log log(argv[1]);
  absl::flat_hash_set<uuid> seen;
  absl::flat_hash_map<std::string, int64_t> occupied;
  std::string key;
  uint64_t events = 0, rows = 0, blackhole = 0;
  ondemand::parser parser;
  for_each_line({argv + 2, argv + argc}, [&](std::string_view line) {
    ++events;
    auto document = parser.iterate(line.data(), line.size(), line.size() + simdjson::SIMDJSON_PADDING);
    auto object = document.get_object();
    const std::string_view type = object["event_type"].get_string();
    const bool admission = type[0] == 'A';
    const uuid id = parse_uuid(object["event_id"].get_string());
    if (!seen.insert(id).second) return;
    log.append(&id, sizeof id);
    const std::string_view department = object["department"].get_string();
    key.assign(department);
    const auto hospital = static_cast<int16_t>(static_cast<int64_t>(object["hospital_id"].get_int64()));
    key.append(reinterpret_cast<const char*>(&hospital), sizeof hospital);
    blackhole += static_cast<uint64_t>(occupied[key] += admission ? 1 : -1);
    ++rows;
    if (events % 1024 == 0 && log.tick())
      for (const auto& [unit, sum] : occupied) log.append(unit.data(), unit.size()), log.append(&sum, sizeof sum);
  });
  log.finish();
  const double cpu = process_cpu_seconds();
  uint64_t checksum = 0;
  for (const auto& [unit, sum] : occupied) {
    int16_t hospital;
    std::memcpy(&hospital, unit.data() + unit.size() - 2, sizeof hospital);
    checksum += row_checksum(std::to_string(hospital) + "," + unit.substr(0, unit.size() - 2) + "," + std::to_string(sum));
  }
  print_result("h2", events, rows, checksum, started, cpu);
  return blackhole == 1;
}
