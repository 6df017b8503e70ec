#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "app/cluster_client.h"
#include "app/command_output.h"
#include "app/commands.h"

namespace systole {
namespace {

struct top_flags : cluster_flags {
  std::string job;
  uint32_t seconds = 1;
  uint32_t times = 0;
};

double member_number(const json_value& of, const char* name) {
  const json_value* const found = of.find(name);
  if (!found) return 0;
  if (const double* real = found->real()) return *real;
  return found->integer() ? static_cast<double>(*found->integer()) : 0;
}

std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string bytes_told(double bytes) {
  constexpr const char* units[] = {"%.0f B", "%.1f KiB", "%.1f MiB", "%.1f GiB", "%.1f TiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit) bytes /= 1024;
  return formatted(units[unit], bytes);
}

std::string steps_table(const json_value& now) {
  text_table table({"STEP", "IN/S", "OUT/S", "BUSY", "HELD", "IN", "REJECTED", "LATE", "STATE", "LAG", "WATERMARK"});
  for (const json_value& step : member_list(now, "steps"))
    table.add({member_text(step, "step"), formatted("%.0f", member_number(step, "recordsInPerSecond")),
               formatted("%.0f", member_number(step, "recordsOutPerSecond")),
               formatted("%.2f", member_number(step, "busyPerSecond")),
               formatted("%.2f", member_number(step, "backpressuredPerSecond")), member_text(step, "recordsIn"),
               member_text(step, "rejected"), member_text(step, "late"), bytes_told(member_number(step, "stateBytes")),
               member_text(step, "lagRecords"), member_text(step, "watermark").substr(0, 19)});
  return table.text();
}

std::string job_line(const json_value& now) {
  return member_text(now, "job") + ": " + member_text(now, "state") + ", " + member_text(now, "workers") +
         " workers, " + member_text(now, "at").substr(0, 19) + "\n";
}

int top(const top_flags& flags) {
  const bool is_live = ::isatty(STDOUT_FILENO) == 1 && flags.output == "table" && flags.times != 1;
  const uint32_t times = flags.times > 0 ? flags.times : (is_live ? UINT32_MAX : 1);
  for (uint32_t shown = 0; shown < times; ++shown) {
    if (shown > 0) std::this_thread::sleep_for(std::chrono::seconds(flags.seconds));
    const cluster_answer now = ask_or_tell("top", flags, "GET", job_path(flags.job, "/steps"));
    if (!now.ok()) return now.code;
    if (is_live) std::fputs("\x1b[H\x1b[J", stdout);
    print_output(
        flags.output, now.body, [&] { return job_line(now.body) + steps_table(now.body); },
        [&] { return member_text(now.body, "job") + "\n"; });
    std::fflush(stdout);
    if (std::ferror(stdout)) return exit_success;  // whoever read it has gone
  }
  return exit_success;
}

}  // namespace

void add_top_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("top", "Show what the steps of a job do: records a second, time, state, lag");
  auto flags = std::make_shared<top_flags>();
  verb->add_option("JOB", flags->job, "Its name or id")->required();
  verb->add_option("--interval", flags->seconds, "Seconds between two looks")
      ->check(CLI::Range(1u, 3600u))
      ->capture_default_str();
  verb->add_option("--times", flags->times, "Looks before it ends; else one, and on a terminal until interrupted");
  add_output_flag(*verb, flags->output);
  add_cluster_flags(*verb, *flags);
  verb->footer(
      "IN/S and OUT/S are records a second; BUSY and HELD (by back pressure) seconds a second, over all subtasks.\n"
      "Totals are those of the workers' processes: they begin anew where a worker does.\n\n"
      "Examples:\n  systole top bed-occupancy\n  systole top bed-occupancy -o json");
  verb->callback([&chosen, flags] { chosen = [flags] { return top(*flags); }; });
}

}  // namespace systole
