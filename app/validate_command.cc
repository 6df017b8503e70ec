#include <cstdio>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/manifest_input.h"

namespace systole {

void add_validate_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("validate", "Check manifests; tells all errors at once");
  auto flags = std::make_shared<manifest_flags>();
  add_manifest_flags(*verb, *flags);
  verb->footer("Example:\n  systole validate job.yaml --param env=dev");
  verb->callback([&chosen, flags] {
    chosen = [flags]() -> int {
      if (!read_manifest_or_tell(*flags, "validate")) return exit_negative;
      std::fprintf(stderr, "%s: valid\n", flags->files.front().c_str());
      return exit_success;
    };
  });
}

}  // namespace systole
