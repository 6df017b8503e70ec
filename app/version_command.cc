#include <cstdio>

#include "app/commands.h"
#include "app/exit_code.h"

namespace systole {

void add_version_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("version", "Print the version");
  verb->callback([&chosen] {
    chosen = [] {
      std::printf("systole %s\n", SYSTOLE_VERSION);
      return exit_success;
    };
  });
}

}  // namespace systole
