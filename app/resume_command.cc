#include "app/job_request.h"

namespace systole {

void add_resume_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("resume", "Go on with a job that was stopped or has failed");
  auto flags = std::make_shared<job_request_flags>();
  add_job_request_flags(*verb, *flags, "Wait until it runs");
  verb->footer("Example:\n  systole resume bed-occupancy --wait");
  verb->callback([&chosen, flags] {
    chosen = [flags] { return request_of_job("resume", *flags, "resume", {}, "resuming", then_wait::running); };
  });
}

}  // namespace systole
