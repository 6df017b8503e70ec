#include "app/cluster_client.h"
#include "app/command_output.h"
#include "app/commands.h"

namespace systole {
namespace {

struct describe_flags : cluster_flags {
  std::string job;
};

std::string joined(const json_value::array& texts) {
  std::string out;
  for (const json_value& each : texts)
    if (each.text()) out += (out.empty() ? "" : ", ") + *each.text();
  return out;
}

std::string described(const json_value& job) {
  std::string out;
  for (const auto& [heading, name] : {std::pair("Name", "name"),
                                      {"Id", "id"},
                                      {"State", "state"},
                                      {"Reason", "reason"},
                                      {"Parallelism", "parallelism"},
                                      {"Submitted", "submittedAt"},
                                      {"Attempt", "attempt"},
                                      {"Restarts", "restarts"},
                                      {"Last checkpoint", "lastCompletedEpoch"},
                                      {"Last committed", "lastCommittedEpoch"}})
    if (const std::string value = member_text(job, name); !value.empty())
      out += std::string(heading) + ": " + value + "\n";
  text_table tasks({"TASK", "STEPS", "SUBTASK", "WORKER", "PHASE"});
  for (const json_value& task : member_list(job, "tasks"))
    tasks.add({member_text(task, "index"), joined(member_list(task, "steps")), member_text(task, "subtask"),
               member_text(task, "worker"), member_text(task, "phase")});
  out += "\n" + tasks.text();
  text_table checkpoints({"CHECKPOINT", "KIND", "COMPLETED", "SECONDS", "BYTES"});
  for (const json_value& each : member_list(job, "checkpoints"))
    checkpoints.add({member_text(each, "epoch"), member_text(each, "savepoint") == "true" ? "savepoint" : "checkpoint",
                     member_text(each, "completedAt").substr(0, 19), member_text(each, "durationSeconds"),
                     member_text(each, "bytes")});
  out += "\n" + checkpoints.text();
  if (const auto& exceptions = member_list(job, "exceptions"); !exceptions.empty()) {
    text_table table({"ATTEMPT", "FAILED", "CODE", "WHY"});
    for (const json_value& each : exceptions)
      table.add({member_text(each, "attempt"), member_text(each, "at").substr(0, 19), member_text(each, "code"),
                 member_text(each, "message")});
    out += "\n" + table.text();
  }
  return out;
}

int describe(const describe_flags& flags) {
  const cluster_answer answer = ask_or_tell("describe", flags, "GET", job_path(flags.job));
  if (!answer.ok()) return answer.code;
  print_output(
      flags.output, answer.body, [&] { return described(answer.body); },
      [&] { return member_text(answer.body, "name") + "\n"; });
  return exit_success;
}

}  // namespace

void add_describe_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("describe", "Show a job: its tasks, checkpoints and why it has restarted");
  auto flags = std::make_shared<describe_flags>();
  verb->add_option("JOB", flags->job, "Its name or id")->required();
  add_output_flag(*verb, flags->output);
  add_cluster_flags(*verb, *flags);
  verb->footer("Examples:\n  systole describe bed-occupancy\n  systole describe bed-occupancy -o json");
  verb->callback([&chosen, flags] { chosen = [flags] { return describe(*flags); }; });
}

}  // namespace systole
