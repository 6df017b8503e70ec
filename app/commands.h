#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace systole {

/// Adds one verb to the command line: its flags, its help with examples, and what it does, which returns the exit code.
/// Each is in a file of its own, <verb>_command.cc.
using command_action = std::function<int()>;
void add_run_command(CLI::App& root, command_action& chosen);
void add_validate_command(CLI::App& root, command_action& chosen);
void add_explain_command(CLI::App& root, command_action& chosen);
void add_schema_command(CLI::App& root, command_action& chosen);
void add_generate_command(CLI::App& root, command_action& chosen);
void add_init_command(CLI::App& root, command_action& chosen);
void add_coordinator_command(CLI::App& root, command_action& chosen);
void add_worker_command(CLI::App& root, command_action& chosen);
void add_cluster_command(CLI::App& root, command_action& chosen);
void add_submit_command(CLI::App& root, command_action& chosen);
void add_diff_command(CLI::App& root, command_action& chosen);
void add_logs_command(CLI::App& root, command_action& chosen);
void add_top_command(CLI::App& root, command_action& chosen);
void add_tap_command(CLI::App& root, command_action& chosen);
void add_deadletter_command(CLI::App& root, command_action& chosen);
void add_list_command(CLI::App& root, command_action& chosen);
void add_describe_command(CLI::App& root, command_action& chosen);
void add_wait_command(CLI::App& root, command_action& chosen);
void add_stop_command(CLI::App& root, command_action& chosen);
void add_cancel_command(CLI::App& root, command_action& chosen);
void add_resume_command(CLI::App& root, command_action& chosen);
void add_rescale_command(CLI::App& root, command_action& chosen);
void add_savepoint_command(CLI::App& root, command_action& chosen);
void add_delete_command(CLI::App& root, command_action& chosen);
void add_workers_command(CLI::App& root, command_action& chosen);
void add_token_command(CLI::App& root, command_action& chosen);
void add_certificates_command(CLI::App& root, command_action& chosen);
void add_version_command(CLI::App& root, command_action& chosen);
void add_completion_command(CLI::App& root, command_action& chosen);

}  // namespace systole
