#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <optional>

#include "app/cluster_client.h"
#include "app/command_output.h"
#include "app/commands.h"
#include "app/signals.h"
#include "app/tap_output.h"
#include "base/limits.h"
#include "http/target.h"

namespace systole {
namespace {

struct tap_flags : cluster_flags {
  std::string what;  ///< JOB.STEP
  uint32_t rows = 100;
  uint32_t seconds = 60;
};

/// What the server has said so far, and what the user is told of it.
class tap_progress {
 public:
  tap_progress(std::string what, bool table) : what_(std::move(what)), output_(table) {}

  /// False where there is nothing more to hear.
  bool take(std::string_view event, std::string_view data) {
    if (event == "row") {
      ++shown_;
      return output_.write(data);
    }
    if (event == "dropped") dropped_ += std::strtoull(std::string(data).c_str(), nullptr, 10);
    const auto body = json_value::parse(data);
    if (body && event == "sampled") {
      passed_ = member_text(*body, "passed");
      if (live_) std::fprintf(stderr, "\r%s", told().c_str());
    }
    if (body && event == "end") end_ = {member_text(*body, "reason"), member_text(*body, "message")};
    return !end_;
  }

  /// Tells how it ended; the exit code.
  int finish(bool interrupted) const {
    const std::string why = end_ ? end_->message : interrupted ? "interrupted" : "the server closed the connection";
    std::fprintf(stderr, "%s%s; %s\n", live_ ? "\r" : "", told().c_str(), why.c_str());
    if (interrupted) return exit_interrupted;
    if (!end_ || end_->reason == "lead_lost") return exit_unreachable;
    return end_->reason == "refused" ? exit_negative : exit_success;
  }

 private:
  std::string told() const {
    return what_ + ": " + std::to_string(shown_) + " of " + passed_ + " rows shown" +
           (dropped_ > 0 ? ", " + std::to_string(dropped_) + " events lost on the way" : "");
  }

  struct ending {
    std::string reason, message;
  };
  const std::string what_;
  tap_output output_;
  const bool live_ = ::isatty(STDERR_FILENO) && !::isatty(STDOUT_FILENO);
  uint64_t shown_ = 0, dropped_ = 0;
  std::string passed_ = "0";
  std::optional<ending> end_;
};

int tap(const tap_flags& flags) {
  const size_t dot = flags.what.rfind('.');
  if (dot == 0 || dot == flags.what.npos || dot + 1 == flags.what.size()) {
    std::fprintf(stderr, "systole tap: %s: write a job and one of its steps as JOB.STEP\n", flags.what.c_str());
    return exit_usage;
  }
  auto client = cluster_client::open(flags);
  if (!client) {
    std::fprintf(stderr, "systole tap: %s\n", client.error().message.c_str());
    return exit_usage;
  }
  std::atomic<bool> interrupted{false};
  const stop_signals signals([&interrupted] { interrupted = true; });
  tap_progress progress(flags.what, flags.output == "table");
  const cluster_answer answer = client->follow(
      job_path(flags.what.substr(0, dot), "/tap?step=" + percent_encoded(flags.what.substr(dot + 1)) + "&rows=" +
                                              std::to_string(flags.rows) + "&seconds=" + std::to_string(flags.seconds)),
      [&](std::string_view event, std::string_view data) { return progress.take(event, data) && !interrupted; });
  if (!answer.ok()) {
    tell("tap", answer);
    return answer.code;
  }
  return progress.finish(interrupted);
}

}  // namespace

void add_tap_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb = root.add_subcommand("tap", "Show some of the rows that a step of a running job emits, as they pass");
  auto flags = std::make_shared<tap_flags>();
  flags->output = "ndjson";
  verb->add_option("JOB.STEP", flags->what, "A job's name or id, and the name of a step, source or sink")->required();
  verb->add_option("--rows", flags->rows, "End after so many rows")
      ->check(CLI::Range(uint32_t{1}, limits::tap_rows))
      ->capture_default_str();
  verb->add_option("--for", flags->seconds, "End after so many seconds")
      ->check(CLI::Range(uint32_t{1}, limits::tap_seconds))
      ->capture_default_str();
  verb->add_option("-o,--output", flags->output, "ndjson or table")
      ->check(CLI::IsMember({"ndjson", "table"}))
      ->capture_default_str();
  add_cluster_flags(*verb, *flags);
  verb->footer(
      "Rows are patients' data: it needs a token of role operator, coordinators and workers that were started with "
      "--allow-tap, and the coordinator logs who looks at which step. A source's rows are what it decoded, a sink's "
      "what "
      "goes in. At most 100 rows a second of each subtask are shown; the others are only counted. A job that restarts "
      "goes on being shown.\n\n"
      "Examples:\n  systole tap bed-occupancy.occupancy\n"
      "  systole tap bed-occupancy.adt --rows 10000 --for 600 > adt.ndjson");
  verb->callback([&chosen, flags] { chosen = [flags] { return tap(*flags); }; });
}

}  // namespace systole
