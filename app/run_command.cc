#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "actors/local_job.h"
#include "app/byte_size.h"
#include "app/checkpoint_place.h"
#include "app/commands.h"
#include "app/exit_code.h"
#include "app/manifest_input.h"
#include "app/progress_display.h"
#include "app/run_metrics.h"
#include "app/signals.h"
#include "app/test_flags.h"
#include "base/log.h"

namespace systole {
namespace {

constexpr const char* default_memory = "512MiB";

struct run_flags : manifest_flags {
  std::string state;
  checkpoint_place checkpoints;
  std::string memory = default_memory;
  std::string progress = "auto";
  test_flags test;
  std::string secrets;
  std::string metrics;
  uint64_t rewind = 0;
  CLI::Option* rewind_given = nullptr;
  bool drain = false;
  bool drop_state = false;
  bool in_memory = false;
  bool insecure = false;
};

bool writes_to_console(const proto::PhysicalPlan& plan) {
  for (const proto::Node& node : plan.nodes())
    if (node.has_sink() && node.sink().kind() == proto::Sink::CONSOLE) return true;
  return false;
}

/// A state directory for a run without --state; empty where none could be made.
std::string temporary_directory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "systole-XXXXXX").string();
  return ::mkdtemp(pattern.data()) ? pattern : std::string();
}

void tell_files_written(const proto::PhysicalPlan& plan) {
  for (const proto::Node& node : plan.nodes()) {
    if (!node.has_sink() || node.sink().path().empty()) continue;
    const std::string table = node.sink().table().empty() ? "" : " (table " + node.sink().table() + ")";
    std::fprintf(stderr, "  %s: %s%s\n", node.step().c_str(), node.sink().path().c_str(), table.c_str());
  }
}

/// A word of a command line, quoted where a shell would take it for something else.
std::string shell_word(const std::string& text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char each : text) quoted += each == '\'' ? std::string("'\\''") : std::string(1, each);
  return quoted + "'";
}

/// The same run from its saved state.
std::string command_to_go_on(const run_flags& flags, const std::string& state) {
  std::string command = "systole run";
  for (const std::string& file : flags.files) command += " " + shell_word(file);
  command += " --state " + shell_word(state);
  if (!flags.checkpoints.url.empty()) command += " --checkpoints " + shell_word(flags.checkpoints.url);
  for (const std::string& parameter : flags.parameters) command += " --param " + shell_word(parameter);
  if (flags.parallelism > 0) command += " --parallelism " + std::to_string(flags.parallelism);
  if (flags.memory != default_memory) command += " --memory " + shell_word(flags.memory);
  if (!flags.secrets.empty()) command += " --secrets " + shell_word(flags.secrets);
  if (flags.in_memory) command += " --state-in-memory";
  if (flags.drain) command += " --drain";
  if (!flags.metrics.empty()) command += " --metrics " + shell_word(flags.metrics);
  if (flags.insecure) command += " --insecure";
  return command;
}

int report(const job_outcome& outcome, const run_flags& flags, const std::string& state, const proto::PhysicalPlan& plan,
           bool quiet) {
  if (outcome.how == job_outcome::kind::failed) {
    std::fprintf(stderr, "systole run: the job failed: %s\n", outcome.cause ? outcome.cause->message.c_str() : "unknown");
    if (!outcome.advice.empty()) std::fprintf(stderr, "  %s\n", outcome.advice.c_str());
    if (outcome.last_epoch.value > 0) {
      std::fprintf(stderr, "  Everything up to checkpoint %llu is safe",
                   static_cast<unsigned long long>(outcome.last_epoch.value));
      // Where the command itself was refused, the message says what else to do.
      const error_code code = outcome.cause ? outcome.cause->code : error_code::internal;
      const bool refused = code == error_code::incompatible || code == error_code::invalid_argument;
      if (refused) std::fputs(".\n", stderr);
      else std::fprintf(stderr, "; to go on from there:\n  %s\n", command_to_go_on(flags, state).c_str());
    }
    return exit_negative;
  }
  if (outcome.nothing_to_do) {
    std::fprintf(stderr, "%s: this job has finished: nothing to do. Give another --state to run it anew.\n", state.c_str());
    return exit_success;
  }
  if (!quiet && !outcome.steps.empty()) std::fputs(accounting_table(outcome.steps).c_str(), stderr);
  if (outcome.how == job_outcome::kind::stopped && outcome.last_epoch.value == 0) {
    std::fputs("Stopped before the first checkpoint: nothing is saved, the next run begins at the start.\n", stderr);
    return exit_interrupted;
  }
  if (outcome.how == job_outcome::kind::stopped) {
    std::fprintf(stderr, "Stopped with a savepoint (checkpoint %llu). To go on:\n  %s\n",
                 static_cast<unsigned long long>(outcome.last_epoch.value), command_to_go_on(flags, state).c_str());
    return exit_interrupted;
  }
  if (!quiet) {
    std::fprintf(stderr, "%s in %.2f s, %llu checkpoints\n", outcome.drained ? "Drained" : "Finished",
                 static_cast<double>(outcome.took.count()) / 1e6, static_cast<unsigned long long>(outcome.checkpoints));
    tell_files_written(plan);
  }
  return exit_success;
}

int run(const run_flags& flags) {
  const auto memory = parse_byte_size(flags.memory);
  if (!memory) {
    std::fprintf(stderr, "systole run: --memory %s: write a size as 512MiB or 2GiB\n", flags.memory.c_str());
    return exit_usage;
  }
  const auto read = read_manifest_or_tell(flags, "run");
  if (!read) return exit_negative;
  const proto::PhysicalPlan& plan = *read->compiled.plan;
  const bool console_is_terminal = ::isatty(STDOUT_FILENO) != 0;
  const auto style = progress_display::parse(flags.progress, writes_to_console(plan) && console_is_terminal);
  const bool temporary = flags.state.empty();
  const std::string state = temporary ? temporary_directory() : flags.state;
  if (state.empty()) {
    std::fputs("systole run: cannot make a temporary directory for the state; give one with --state\n", stderr);
    return exit_negative;
  }
  progress_display display(*style, std::getenv("NO_COLOR") == nullptr);

  local_job_options options;
  options.state_directory = state;
  options.memory_bytes = *memory;
  options.in_memory = flags.in_memory;
  options.allow_drop_state = flags.drop_state;
  options.console_is_terminal = console_is_terminal;
  options.crash_at = flags.test.crash_at;
  options.secret_directory = flags.secrets;
  options.progress_interval = std::chrono::milliseconds(25);
  if (flags.rewind_given->count() > 0) options.rewind_to = flags.rewind;
  options.on_progress = [&display](const job_progress& progress) { display.show(progress); };
  options.on_event = [&display](const job_event& event) { display.tell(event); };
  job_components components = components_for(flags.test);
  if (auto placed = use_checkpoint_place({flags.checkpoints.url, flags.secrets}, state, components); !placed) {
    std::fprintf(stderr, "systole run: %s\n", placed.error().message.c_str());
    if (temporary) std::filesystem::remove(state);
    return exit_usage;
  }
  local_job job(plan, options, components);
  std::unique_ptr<http_server> metrics;
  if (!flags.metrics.empty()) {
    auto served = serve_run_metrics(flags.metrics, flags.insecure, job, plan, *memory, components.gauges);
    if (!served) {
      std::fprintf(stderr, "systole run: --metrics: %s\n", served.error().message.c_str());
      std::error_code ignored;  // a leftover temporary directory harms nobody
      if (temporary) std::filesystem::remove_all(state, ignored);
      return exit_usage;
    }
    metrics = std::move(*served);
  }
  job_outcome outcome;
  {
    const auto stop = [&job, &flags] {
      std::fprintf(stderr, "\n%s\n", flags.drain ? "Draining: the input ends here and all windows fire (once more to end at once)."
                                                 : "Stopping: taking a savepoint (once more to end at once).");
      job.request_stop(flags.drain);
    };
    stop_signals signals(stop, "\nEnded at once. To go on from the last checkpoint:\n  " + command_to_go_on(flags, state) + "\n");
    outcome = job.run();
  }
  display.end();
  const int code = report(outcome, flags, state, plan, *style == progress_display::style::none);
  // A temporary state that somebody may go on from stays.
  if (temporary && (outcome.how == job_outcome::kind::finished || outcome.last_epoch.value == 0)) {
    std::error_code ignored;  // a leftover temporary directory harms nobody
    std::filesystem::remove_all(state, ignored);
  }
  return code;
}

}  // namespace

void add_run_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("run", "Run a job in this process");
  auto flags = std::make_shared<run_flags>();
  add_manifest_flags(*verb, *flags);
  verb->add_option("--state", flags->state, "Directory of checkpoints: a run that was stopped or killed goes on from it");
  add_checkpoints_flag(*verb, flags->checkpoints);
  verb->add_option("--memory", flags->memory, "Memory limit of all state and buffers; the program itself takes about 50 MiB more")->capture_default_str();
  verb->add_option("--progress", flags->progress, "auto, plain, live, json or none")
      ->check(CLI::IsMember({"auto", "plain", "live", "json", "none"}))
      ->capture_default_str();
  verb->add_option("--secrets", flags->secrets, "Directory of the connections' secrets: DIR/NAME/KEY for each secretRef");
  verb->add_option("--metrics", flags->metrics, "Serve Prometheus metrics at [ADDRESS:]PORT, /metrics; 127.0.0.1 without an address");
  verb->add_flag("--insecure", flags->insecure, "Let --metrics listen where other machines can reach it");
  flags->rewind_given = verb->add_option("--rewind", flags->rewind, "Go back to this checkpoint (0: to the start), and say what that does to each sink");
  verb->add_flag("--drain", flags->drain, "When interrupted, end the stream and fire all windows instead of taking a savepoint");
  verb->add_flag("--drop-state", flags->drop_state, "Go on although saved state of a step is not in the manifest any more");
  verb->add_flag("--state-in-memory", flags->in_memory, "Keep all state in memory, without RocksDB");
  add_test_flags(*verb, flags->test);
  verb->footer(
      "Examples:\n"
      "  systole run job.yaml\n"
      "  systole run job.yaml --param events='data/*.ndjson' --state state/job\n"
      "  systole run job.yaml connections.yaml --parallelism 4 --memory 2GiB");
  verb->callback([&chosen, flags] { chosen = [flags] { return run(*flags); }; });
}

}  // namespace systole
