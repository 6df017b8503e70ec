#include "app/job_request.h"

namespace systole {

void add_cancel_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("cancel", "Stop a job at once, without a savepoint");
  auto flags = std::make_shared<job_request_flags>();
  add_job_request_flags(*verb, *flags, "Wait until it has stopped");
  verb->footer("Example:\n  systole cancel backfill --wait");
  verb->callback([&chosen, flags] {
    chosen = [flags] { return request_of_job("cancel", *flags, "cancel", {}, "cancelling", then_wait::ended); };
  });
}

}  // namespace systole
