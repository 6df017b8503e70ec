#include <chrono>
#include <cstdio>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "app/cluster_client.h"
#include "app/command_output.h"
#include "app/commands.h"
#include "http/target.h"

namespace systole {
namespace {

struct logs_flags : cluster_flags {
  std::string job;
  std::string process;
  uint32_t lines = 200;
  bool follow = false;
};
constexpr std::chrono::seconds look_again{1};

/// Which lines have to do with a job: those of its tasks' workers, and those that name it.
class lines_of_job {
 public:
  lines_of_job() = default;  ///< all lines
  explicit lines_of_job(const json_value& job)
      : name_(member_text(job, "name")), id_(member_text(job, "id")), is_all_(false) {
    for (const json_value& task : member_list(job, "tasks"))
      if (const std::string worker = member_text(task, "worker"); !worker.empty()) workers_.insert(worker);
  }
  bool has(const json_value& line) const {
    if (is_all_ || workers_.contains(member_text(line, "process"))) return true;
    const std::string text = member_text(line, "text");
    return text.find(name_) != text.npos || text.find(id_) != text.npos;
  }

 private:
  std::string name_, id_;
  std::set<std::string> workers_;
  bool is_all_ = true;
};

std::string text_of(const json_value& line) {
  return member_text(line, "at").substr(0, 23) + " " + member_text(line, "process") + " " + member_text(line, "level") +
         " " + member_text(line, "text") + "\n";
}

/// Why the job's attempts failed, which no process's lines may tell any more.
std::string failures_of(const json_value& job) {
  std::string made;
  for (const json_value& each : member_list(job, "exceptions"))
    made += member_text(each, "at").substr(0, 23) + " " + member_text(job, "name") + " failed attempt " +
            member_text(each, "attempt") + ": " + member_text(each, "message") + "\n";
  return made;
}

/// The answer with the wanted lines only.
json_value only(const lines_of_job& wanted, const json_value& answer) {
  json_value::array lines;
  for (const json_value& line : member_list(answer, "lines"))
    if (wanted.has(line)) lines.push_back(line);
  return json_value(json_value::object{{"lines", json_value(std::move(lines))}});
}

/// What of an answer was not shown before. A process that was started anew counts its lines anew, but its clock goes
/// on.
class unseen_lines {
 public:
  std::string text(const json_value& answer) {
    std::string made;
    for (const json_value& line : member_list(answer, "lines")) {
      const json_value* const number = line.find("sequence");
      const std::pair place(member_text(line, "at"), number && number->integer() ? *number->integer() : 0);
      auto& last = last_[member_text(line, "process")];
      if (place <= last) continue;
      last = place;
      made += text_of(line);
    }
    return made;
  }

 private:
  std::map<std::string, std::pair<std::string, int64_t>> last_;
};

int logs(const logs_flags& flags) {
  lines_of_job wanted;
  std::string failures;
  if (!flags.job.empty()) {
    const cluster_answer job = ask_or_tell("logs", flags, "GET", job_path(flags.job));
    if (!job.ok()) return job.code;
    wanted = lines_of_job(job.body);
    failures = failures_of(job.body);
  }
  const std::string path = "/api/v1/logs?lines=" + std::to_string(flags.lines) +
                           (flags.process.empty() ? "" : "&process=" + percent_encoded(flags.process));
  unseen_lines unseen;
  while (true) {
    const cluster_answer answer = ask_or_tell("logs", flags, "GET", path);
    if (!answer.ok()) return answer.code;
    const json_value lines = only(wanted, answer.body);
    print_output(
        flags.output, lines, [&] { return std::exchange(failures, {}) + unseen.text(lines); },
        [] { return std::string(); });
    std::fflush(stdout);
    if (!flags.follow || std::ferror(stdout)) return exit_success;
    std::this_thread::sleep_for(look_again);
  }
}

}  // namespace

void add_logs_command(CLI::App& root, command_action& chosen) {
  CLI::App* verb =
      root.add_subcommand("logs", "Show the last log lines of the cluster's processes, or of those that run a job");
  auto flags = std::make_shared<logs_flags>();
  verb->add_option("JOB", flags->job, "Only its workers' lines, the lines that name it, and why its attempts failed");
  verb->add_option("--process", flags->process, "Only the lines of this worker, or of the coordinator");
  verb->add_option("--lines", flags->lines, "At most so many")->check(CLI::Range(1u, 2000u))->capture_default_str();
  CLI::Option* follow = verb->add_flag("-f,--follow", flags->follow, "Go on with new lines until interrupted");
  add_output_flag(*verb, flags->output);
  add_cluster_flags(*verb, *flags);
  if (CLI::Option* output = verb->get_option_no_throw("--output")) follow->excludes(output);
  verb->footer(
      "A process keeps its last 1,000 lines, the coordinator 500 of each worker; the whole log is where each process "
      "writes it to.\n\n"
      "Examples:\n  systole logs bed-occupancy\n  systole logs --process worker-2 --follow");
  verb->callback([&chosen, flags] { chosen = [flags] { return logs(*flags); }; });
}

}  // namespace systole
