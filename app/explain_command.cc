#include <cstdio>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/manifest_input.h"

namespace systole {

void add_explain_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("explain", "Show the plan of a manifest, with every default");
  struct explain_flags : manifest_flags {
    std::string output = "text";
  };
  auto flags = std::make_shared<explain_flags>();
  add_manifest_flags(*verb, *flags);
  verb->add_option("-o,--output", flags->output, "text, json or dot")->check(CLI::IsMember({"text", "json", "dot"}));
  verb->footer("Examples:\n  systole explain job.yaml\n  systole explain -o dot job.yaml | dot -Tsvg > plan.svg");
  verb->callback([&chosen, flags] {
    chosen = [flags]() -> int {
      const auto read = read_manifest_or_tell(*flags, "explain");
      if (!read) return exit_negative;
      const explain_format format = flags->output == "json"  ? explain_format::json
                                    : flags->output == "dot" ? explain_format::dot
                                                             : explain_format::text;
      const std::string told = explain(read->compiled, format);
      std::fwrite(told.data(), 1, told.size(), stdout);
      return exit_success;
    };
  });
}

}  // namespace systole
