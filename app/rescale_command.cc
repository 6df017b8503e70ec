#include "app/job_request.h"
#include "base/limits.h"

namespace systole {

void add_rescale_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("rescale", "Run a job at another parallelism, from its next checkpoint on");
  struct rescale_flags : job_request_flags {
    uint32_t parallelism = 0;
  };
  auto flags = std::make_shared<rescale_flags>();
  verb->add_option("--parallelism", flags->parallelism, "The new parallelism")
      ->required()
      ->check(CLI::Range(1u, limits::max_parallelism));
  add_job_request_flags(*verb, *flags);
  verb->footer("Example:\n  systole rescale bed-occupancy --parallelism 8");
  verb->callback([&chosen, flags] {
    chosen = [flags] {
      return request_of_job("rescale", *flags, "rescale", {{"parallelism", json_value(int64_t(flags->parallelism))}},
                            "going to parallelism " + std::to_string(flags->parallelism), then_wait::none);
    };
  });
}

}  // namespace systole
