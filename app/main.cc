#include <cstdio>
#include <csignal>
#include <exception>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/node_config.h"
#include "base/heap.h"

namespace {

constexpr const char* description =
    "Systole runs stream-processing jobs that are written as YAML manifests.\n"
    "Results go to standard output, progress and errors to standard error.";
constexpr const char* footer =
    "Start here:\n"
    "  systole init first-job && systole run first-job/job.yaml\n"
    "  systole run JOB.yaml --help\n\n"
    "Exit status: 0 success; 1 a negative answer (invalid manifest, failed job); 2 wrong usage;\n"
    "3 no coordinator answers, or not to you; 4 timed out while the job goes on; 130 interrupted.";

}  // namespace

int main(int argc, char** argv) {
  systole::keep_freed_blocks();
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write(), not a death
  CLI::App root(description, "systole");
  root.footer(footer);
  root.require_subcommand(0, 1);
  root.set_help_flag("-h,--help", "Show this help");
  root.set_version_flag("--version", std::string("systole ") + SYSTOLE_VERSION);
  systole::command_action chosen;
  systole::add_run_command(root, chosen);
  systole::add_validate_command(root, chosen);
  systole::add_explain_command(root, chosen);
  systole::add_schema_command(root, chosen);
  systole::add_generate_command(root, chosen);
  systole::add_init_command(root, chosen);
  systole::add_coordinator_command(root, chosen);
  systole::add_worker_command(root, chosen);
  systole::add_cluster_command(root, chosen);
  systole::add_submit_command(root, chosen);
  systole::add_diff_command(root, chosen);
  systole::add_logs_command(root, chosen);
  systole::add_top_command(root, chosen);
  systole::add_list_command(root, chosen);
  systole::add_describe_command(root, chosen);
  systole::add_wait_command(root, chosen);
  systole::add_stop_command(root, chosen);
  systole::add_cancel_command(root, chosen);
  systole::add_resume_command(root, chosen);
  systole::add_rescale_command(root, chosen);
  systole::add_savepoint_command(root, chosen);
  systole::add_tap_command(root, chosen);
  systole::add_deadletter_command(root, chosen);
  systole::add_delete_command(root, chosen);
  systole::add_workers_command(root, chosen);
  systole::add_token_command(root, chosen);
  systole::add_certificates_command(root, chosen);
  systole::add_version_command(root, chosen);
  systole::add_completion_command(root, chosen);
  const systole::configured_words given =
      systole::with_config_file(root, std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  if (!given.problems.empty()) {
    std::fputs(given.problems.c_str(), stderr);
    return systole::exit_usage;
  }
  try {
    root.parse(std::vector<std::string>(given.words.rbegin(), given.words.rend()));
  } catch (const CLI::ParseError& problem) {
    if (const std::string placed = systole::place_of_problem(given, problem.what()); placed != problem.what()) {
      std::fprintf(stderr, "%s\n", placed.c_str());
      return systole::exit_usage;
    }
    const int code = root.exit(problem);
    return code == 0 ? systole::exit_success : systole::exit_usage;
  }
  if (!chosen) {
    std::fputs(root.help().c_str(), stderr);
    return systole::exit_usage;
  }
  try {
    return chosen();
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "systole: internal error: %s\n", problem.what());
    return systole::exit_negative;
  }
}
