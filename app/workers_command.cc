#include "app/cluster_client.h"
#include "app/command_output.h"
#include "app/commands.h"

namespace systole {
namespace {

int workers(const cluster_flags& flags) {
  const cluster_answer answer = ask_or_tell("workers", flags, "GET", "/api/v1/workers");
  if (!answer.ok()) return answer.code;
  const auto& all = member_list(answer.body, "workers");
  print_output(
      flags.output, answer.body,
      [&] {
        text_table table({"NAME", "ADDRESS", "NODE", "SLOTS", "USED", "LEAVING"});
        for (const json_value& each : all)
          table.add({member_text(each, "name"), member_text(each, "address"), member_text(each, "node"),
                     member_text(each, "slots"), member_text(each, "slotsUsed"),
                     member_text(each, "leaving") == "true" ? "yes" : "no"});
        return table.text();
      },
      [&] {
        std::string names;
        for (const json_value& each : all) names += member_text(each, "name") + "\n";
        return names;
      });
  return exit_success;
}

}  // namespace

void add_workers_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("workers", "List a cluster's workers and their slots");
  auto flags = std::make_shared<cluster_flags>();
  add_output_flag(*verb, flags->output);
  add_cluster_flags(*verb, *flags);
  verb->footer("Example:\n  systole workers");
  verb->callback([&chosen, flags] { chosen = [flags] { return workers(*flags); }; });
}

}  // namespace systole
