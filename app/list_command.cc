#include "app/cluster_client.h"
#include "app/command_output.h"
#include "app/commands.h"

namespace systole {
namespace {

int list(const cluster_flags& flags) {
  const cluster_answer answer = ask_or_tell("list", flags, "GET", "/api/v1/jobs");
  if (!answer.ok()) return answer.code;
  const auto& jobs = member_list(answer.body, "jobs");
  print_output(
      flags.output, answer.body,
      [&] {
        text_table table({"NAME", "STATE", "PARALLELISM", "RESTARTS", "CHECKPOINT", "SUBMITTED", "ID"});
        for (const json_value& job : jobs)
          table.add({member_text(job, "name"), member_text(job, "state"), member_text(job, "parallelism"),
                     member_text(job, "restarts"), member_text(job, "lastCompletedEpoch"),
                     member_text(job, "submittedAt").substr(0, 19), member_text(job, "id")});
        return table.text();
      },
      [&] {
        std::string names;
        for (const json_value& job : jobs) names += member_text(job, "name") + "\n";
        return names;
      });
  return exit_success;
}

}  // namespace

void add_list_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("list", "List a cluster's jobs, ended ones too");
  auto flags = std::make_shared<cluster_flags>();
  add_output_flag(*verb, flags->output);
  add_cluster_flags(*verb, *flags);
  verb->footer(
      "Examples:\n  systole list\n  systole list -o name --server https://coordinator:8480 --token-file "
      "~/.systole-token");
  verb->callback([&chosen, flags] { chosen = [flags] { return list(*flags); }; });
}

}  // namespace systole
