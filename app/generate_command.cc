#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "app/commands.h"
#include "app/exit_code.h"
#include "connectors/generator/patient_flow_generator.h"
#include "data/calendar.h"

namespace systole {
namespace {

constexpr size_t chunk_events = 2048;

struct generate_flags {
  patient_flow_options options;
  std::string start;
  std::string output = "-";
  double rate = 0;
  double dirt = 1;
};

int complain(const std::string& why) {
  std::fprintf(stderr, "systole generate: %s\n", why.c_str());
  return exit_negative;
}

/// Waits until `given` events may have been sent at `rate` a second.
void keep_pace(double rate, uint64_t given, std::chrono::steady_clock::time_point started) {
  if (rate > 0) std::this_thread::sleep_until(started + std::chrono::duration<double>(static_cast<double>(given) / rate));
}

int generate(generate_flags flags) {
  patient_flow_options& options = flags.options;
  if (!flags.start.empty()) {
    const auto start = parse_iso_timestamp(flags.start);
    if (!start) return complain("--start " + flags.start + ": write a time as 2026-01-31T09:00:00Z");
    options.start = *start;
  }
  options.dirt = options.dirt.scaled(flags.dirt);
  if (auto good = check(options); !good) return complain(good.error().message);
  std::FILE* out = flags.output == "-" ? stdout : std::fopen(flags.output.c_str(), "wb");
  if (!out) return complain(flags.output + ": " + std::strerror(errno));
  patient_flow_generator generator(options);
  const auto started = std::chrono::steady_clock::now();
  const size_t most = flags.rate > 0 ? std::clamp<size_t>(static_cast<size_t>(flags.rate / 50), 1, chunk_events) : chunk_events;
  std::string lines;
  uint64_t given = 0;
  bool good = true;
  while (good && !generator.finished()) {
    lines.clear();
    given += generator.generate(lines, most);
    good = std::fwrite(lines.data(), 1, lines.size(), out) == lines.size();
    if (flags.rate > 0) good = good && std::fflush(out) == 0;
    keep_pace(flags.rate, given, started);
  }
  good = std::fflush(out) == 0 && good;
  const int problem = errno;
  if (out != stdout) good = std::fclose(out) == 0 && good;
  // A reader that has seen enough (head, for one) is no error.
  if (!good && problem == EPIPE) return exit_success;
  return good ? static_cast<int>(exit_success) : complain(flags.output + ": " + std::strerror(problem));
}

}  // namespace

void add_generate_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("generate", "Write synthetic hospital events");
  verb->require_subcommand(1);
  CLI::App* flow = verb->add_subcommand("patient-flow", "Admissions and discharges of seven hospitals, as NDJSON, with the flaws of real feeds");
  auto flags = std::make_shared<generate_flags>();
  patient_flow_options& options = flags->options;
  flow->add_option("--count", options.count, "Events; 0: without end")->capture_default_str();
  flow->add_option("--seed", options.seed, "Equal seeds give equal events")->capture_default_str();
  flow->add_option("--rate", flags->rate, "Events per second; 0: as fast as they are taken")->check(CLI::Range(0.0, 1e9))->capture_default_str();
  flow->add_option("--start", flags->start, "The virtual clock's start (default 2026-01-01T00:00:00Z)");
  flow->add_flag("--stays", options.stays, "Discharge each patient at the end of a drawn stay, and admit only to free beds");
  flow->add_flag("--surge,!--no-surge", options.surge, "Three times the rate in winter and on Friday to Sunday evenings (default on)");
  flow->add_option("--hospitals", options.hospitals, "1 to 7")->capture_default_str();
  flow->add_option("--dirt", flags->dirt, "Multiplies all rates of dirt; 0: clean")->check(CLI::Range(0.0, 1000.0))->capture_default_str();
  flow->add_option("--invalid-age", options.dirt.invalid_age, "Chance of an impossible age")->capture_default_str();
  flow->add_option("--future-admission", options.dirt.future_admission, "Chance of an admission in the future")->capture_default_str();
  flow->add_option("--missing-field", options.dirt.missing_field, "Chance of a missing field")->capture_default_str();
  flow->add_option("--discharge-before-admission", options.dirt.discharge_before_admission, "Chance, of discharges")->capture_default_str();
  flow->add_option("--department-typo", options.dirt.department_typo, "Chance of a misspelt department")->capture_default_str();
  flow->add_option("--invalid-hospital", options.dirt.invalid_hospital, "Chance of an unknown hospital")->capture_default_str();
  flow->add_option("--duplicate", options.dirt.duplicate, "Chance that an event is sent twice")->capture_default_str();
  flow->add_option("-o,--output", flags->output, "File; -: standard output")->capture_default_str();
  flow->footer("Examples:\n  systole generate patient-flow --count 10000 > events.ndjson\n  systole generate patient-flow --stays --rate 100 --seed 7");
  flow->callback([&chosen, flags] { chosen = [flags] { return generate(*flags); }; });
}

}  // namespace systole
