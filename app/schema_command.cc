#include <cstdio>

#include "app/commands.h"
#include "app/exit_code.h"
#include "plan/compile.h"

namespace systole {

void add_schema_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("schema", "Print the JSON Schema of manifests, for editors");
  verb->footer(
      "Example:\n  systole schema > systole-v1.schema.json\n"
      "and in the manifest:\n  # yaml-language-server: $schema=systole-v1.schema.json");
  verb->callback([&chosen] {
    chosen = [] {
      const std::string schema = json_schema();
      std::fwrite(schema.data(), 1, schema.size(), stdout);
      return exit_success;
    };
  });
}

}  // namespace systole
