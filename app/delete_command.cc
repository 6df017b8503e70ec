#include <cstdio>

#include "app/cluster_client.h"
#include "app/commands.h"

namespace systole {

void add_delete_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("delete", "Forget a job that has ended, and remove its state and savepoints");
  struct delete_flags : cluster_flags {
    std::string job;
  };
  auto flags = std::make_shared<delete_flags>();
  verb->add_option("JOB", flags->job, "Its name or id")->required();
  add_cluster_flags(*verb, *flags);
  verb->footer("Example:\n  systole delete backfill");
  verb->callback([&chosen, flags] {
    chosen = [flags]() -> int {
      const cluster_answer answer = ask_or_tell("delete", *flags, "DELETE", job_path(flags->job));
      if (!answer.ok()) return answer.code;
      std::printf("%s: deleted\n", flags->job.c_str());
      return exit_success;
    };
  });
}

}  // namespace systole
