#include <cstdio>

#include "app/cluster_client.h"
#include "app/command_output.h"
#include "app/commands.h"

namespace systole {
namespace {

struct savepoint_flags : cluster_flags {
  std::string job;
  uint64_t epoch = 0;
  uint32_t timeout_s = 300;
};

int create(const savepoint_flags& flags) {
  const json_value body = request_body();
  const cluster_answer answer = ask_or_tell("savepoint create", flags, "POST", job_path(flags.job, "/savepoints"),
                                            &body, std::chrono::seconds(flags.timeout_s));
  // Heard, but not in time: the savepoint may still come about.
  if (!answer.ok())
    return answer.status == 0 && answer.message.ends_with("no answer in time") ? exit_timed_out : answer.code;
  const std::string epoch = member_text(answer.body, "epoch");
  print_output(
      flags.output, answer.body,
      [&] {
        return flags.job + ": savepoint " + epoch + " is complete; to begin from it: --from-savepoint " + flags.job +
               ":" + epoch + "\n";
      },
      [&] { return flags.job + ":" + epoch + "\n"; });
  return exit_success;
}

int list(const savepoint_flags& flags) {
  const cluster_answer answer = ask_or_tell("savepoint list", flags, "GET", job_path(flags.job, "/savepoints"));
  if (!answer.ok()) return answer.code;
  const auto& savepoints = member_list(answer.body, "savepoints");
  print_output(
      flags.output, answer.body,
      [&] {
        text_table table({"SAVEPOINT", "COMPLETED", "BYTES"});
        for (const json_value& each : savepoints)
          table.add({flags.job + ":" + member_text(each, "epoch"), member_text(each, "completedAt").substr(0, 19),
                     member_text(each, "bytes")});
        return table.text();
      },
      [&] {
        std::string names;
        for (const json_value& each : savepoints) names += flags.job + ":" + member_text(each, "epoch") + "\n";
        return names;
      });
  return exit_success;
}

int remove(const savepoint_flags& flags) {
  const std::string epoch = std::to_string(flags.epoch);
  const cluster_answer answer =
      ask_or_tell("savepoint delete", flags, "DELETE", job_path(flags.job, "/savepoints/" + epoch));
  if (!answer.ok()) return answer.code;
  std::printf("%s: savepoint %s is deleted\n", flags.job.c_str(), epoch.c_str());
  return exit_success;
}

}  // namespace

void add_savepoint_command(CLI::App& root, command_action& chosen) {
  CLI::App* group = root.add_subcommand("savepoint", "Make, list and delete savepoints");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  systole savepoint create bed-occupancy\n  systole savepoint list bed-occupancy\n  systole "
      "savepoint delete bed-occupancy 41");
  auto flags = std::make_shared<savepoint_flags>();
  const auto add = [&](const char* name, const char* what, int (*action)(const savepoint_flags&)) {
    CLI::App* verb = group->add_subcommand(name, what);
    verb->add_option("JOB", flags->job, "Its name or id")->required();
    add_cluster_flags(*verb, *flags);
    verb->callback([&chosen, flags, action] { chosen = [flags, action] { return action(*flags); }; });
    return verb;
  };
  CLI::App* made = add("create", "Make a savepoint and wait until it is complete", create);
  made->add_option("--timeout", flags->timeout_s, "Seconds to wait at most; then the exit status is 4")
      ->capture_default_str();
  add_output_flag(*made, flags->output);
  add_output_flag(*add("list", "List a job's savepoints", list), flags->output);
  add("delete", "Delete a savepoint", remove)->add_option("EPOCH", flags->epoch, "Its number")->required();
}

}  // namespace systole
