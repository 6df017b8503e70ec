#include "app/job_request.h"

namespace systole {

void add_stop_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("stop", "Stop a job with a savepoint, from which it can be resumed");
  struct stop_flags : job_request_flags {
    bool drain = false;
    bool no_savepoint = false;
  };
  auto flags = std::make_shared<stop_flags>();
  CLI::Option* drain =
      verb->add_flag("--drain", flags->drain, "End the input instead: all windows fire, and the job finishes");
  verb->add_flag("--no-savepoint", flags->no_savepoint, "Stop at once, as cancel does")->excludes(drain);
  add_job_request_flags(*verb, *flags, "Wait until it has stopped");
  verb->footer("Examples:\n  systole stop bed-occupancy --wait\n  systole stop backfill --drain");
  verb->callback([&chosen, flags] {
    chosen = [flags] {
      if (flags->drain) return request_of_job("stop", *flags, "drain", {}, "draining", then_wait::ended);
      if (flags->no_savepoint) return request_of_job("stop", *flags, "cancel", {}, "cancelling", then_wait::ended);
      return request_of_job("stop", *flags, "stop", {}, "stopping with a savepoint", then_wait::ended);
    };
  });
}

}  // namespace systole
