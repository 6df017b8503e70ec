#include <cstdio>
#include <filesystem>

#include "app/cluster_client.h"
#include "app/command_output.h"
#include "app/commands.h"
#include "app/job_waiting.h"
#include "app/manifest_input.h"

namespace systole {
namespace {

struct submit_flags : manifest_flags, cluster_flags {
  std::string directory;
  std::string from_savepoint;
  bool drop_state = false;
  bool dry_run = false;
  bool wait = false;
  uint32_t timeout_s = 300;
};

result<json_value> submission(const submit_flags& flags) {
  json_value::array files;
  SYSTOLE_ASSIGN(const auto sources, read_manifest_files(flags));
  for (const manifest_source& each : sources)
    files.emplace_back(json_value::object{{"name", json_value(each.path)}, {"text", json_value(each.text)}});
  SYSTOLE_ASSIGN(const auto given, given_parameters(flags));
  json_value::object parameters;
  for (const auto& [name, value] : given) parameters.emplace_back(name, json_value(value));
  std::error_code unknown;
  const std::filesystem::path first = std::filesystem::absolute(flags.files.front(), unknown);
  const std::string directory = flags.directory.empty() ? first.parent_path().string() : flags.directory;
  json_value::object body;
  body.emplace_back("files", json_value(std::move(files)));
  body.emplace_back("directory", json_value(directory));
  body.emplace_back("parameters", json_value(std::move(parameters)));
  if (flags.parallelism > 0) body.emplace_back("parallelism", json_value(int64_t(flags.parallelism)));
  if (!flags.from_savepoint.empty()) body.emplace_back("fromSavepoint", json_value(flags.from_savepoint));
  if (flags.drop_state) body.emplace_back("allowDropState", json_value(true));
  if (flags.dry_run) body.emplace_back("dryRun", json_value(true));
  return request_body(std::move(body));
}

int submit(const submit_flags& flags) {
  const auto body = submission(flags);
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
  add_manifest_flags(*verb, *flags);
  verb->add_option("--from-savepoint", flags->from_savepoint,
                   "Begin with the state of a job that has ended: its id or name, with :EPOCH one of its savepoints");
  verb->add_option(
      "--directory", flags->directory,
      "What relative paths in the manifest are relative to on the cluster's machines (else the first file's folder)");
  verb->add_flag("--drop-state", flags->drop_state,
                 "Go on although saved state of a step is not in the manifest any more");
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
