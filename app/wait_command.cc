#include "app/commands.h"
#include "app/job_waiting.h"

namespace systole {

void add_wait_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("wait", "Wait until a job has ended, or runs");
  struct wait_flags : cluster_flags {
    std::string job;
    std::string until = "ended";
    uint32_t timeout_s = 3600;
  };
  auto flags = std::make_shared<wait_flags>();
  verb->add_option("JOB", flags->job, "Its name or id")->required();
  verb->add_option("--for", flags->until, "ended or running")
      ->check(CLI::IsMember({"ended", "running"}))
      ->capture_default_str();
  verb->add_option("--timeout", flags->timeout_s, "Seconds to wait at most; then the exit status is 4")
      ->capture_default_str();
  add_cluster_flags(*verb, *flags);
  verb->footer(
      "Examples:\n  systole wait backfill && echo done\n  systole wait bed-occupancy --for running --timeout 60");
  verb->callback([&chosen, flags] {
    chosen = [flags] {
      const awaited what = flags->until == "running" ? awaited::running : awaited::ended;
      return wait_for_job("wait", *flags, flags->job, what, std::chrono::seconds(flags->timeout_s));
    };
  });
}

}  // namespace systole
