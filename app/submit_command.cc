#include <cstdio>

#include "app/command_output.h"
#include "app/commands.h"
#include "app/job_waiting.h"
#include "app/submission_input.h"

namespace systole {
namespace {

struct submit_flags : submission_flags {
  std::string from_savepoint;
  bool dry_run = false;
  bool wait = false;
  uint32_t timeout_s = 300;
};

int submit(const submit_flags& flags) {
  json_value::object more;
  if (!flags.from_savepoint.empty()) more.emplace_back("fromSavepoint", json_value(flags.from_savepoint));
  if (flags.dry_run) more.emplace_back("dryRun", json_value(true));
  const auto body = submission_body(flags, std::move(more));
  if (!body) {
    std::fprintf(stderr, "systole submit: %s\n", body.error().message.c_str());
    return exit_negative;
  }
  const cluster_answer answer = ask_or_tell("submit", flags, "POST", "/api/v1/jobs", &*body);
  if (!answer.ok()) return answer.code;
  for (const json_value& each : member_list(answer.body, "problems"))
    if (each.text()) std::fprintf(stderr, "%s\n", each.text()->c_str());
  const std::string name = member_text(answer.body, "name"), id = member_text(answer.body, "job");
  print_output(
      flags.output, answer.body,
      [&] {
        const std::string changes = member_text(answer.body, "changes");
        return (id.empty() ? name + ": nothing is wrong; a dry run, so nothing was submitted\n"
                           : name + " is submitted as " + id + "\n") +
               (changes.empty() ? "" : changes + (changes.ends_with('\n') ? "" : "\n"));
      },
      [&] { return (id.empty() ? name : id) + "\n"; });
  if (!flags.wait || id.empty()) return exit_success;
  std::fflush(stdout);
  return wait_for_job("submit", flags, id, awaited::running, std::chrono::seconds(flags.timeout_s));
}

}  // namespace

void add_submit_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("submit", "Submit a job to a cluster");
  auto flags = std::make_shared<submit_flags>();
  add_submission_flags(*verb, *flags);
  verb->add_option(
      "--from-savepoint", flags->from_savepoint,
      "Begin with saved state: a job's id or name, or a directory with checkpoints that the coordinator sees; "
      "with :EPOCH one of its checkpoints, else its last one. A stopped job of the same name is taken without this");
  verb->add_flag("--dry-run", flags->dry_run, "Let the cluster check all, and say what would change; submit nothing");
  verb->add_flag("--wait", flags->wait, "Wait until the job runs");
  verb->add_option("--timeout", flags->timeout_s, "Seconds to wait at most; the job goes on, and the exit status is 4")
      ->capture_default_str();
  add_output_flag(*verb, flags->output);
  add_cluster_flags(*verb, *flags);
  verb->footer(
      "Examples:\n"
      "  systole submit job.yaml connections.yaml --param env=prod --wait\n"
      "  systole submit job.yaml --from-savepoint bed-occupancy:41 --dry-run");
  verb->callback([&chosen, flags] { chosen = [flags] { return submit(*flags); }; });
}

}  // namespace systole
