#include "app/job_request.h"

#include <cstdio>

#include "app/command_output.h"
#include "app/job_waiting.h"

namespace systole {

void add_job_request_flags(CLI::App& verb, job_request_flags& into, const char* waits) {
  verb.add_option("JOB", into.job, "Its name or id")->required();
  if (waits) {
    verb.add_flag("--wait", into.wait, waits);
    verb.add_option("--timeout", into.timeout_s, "Seconds to wait at most; then the exit status is 4")
        ->capture_default_str();
  }
  add_output_flag(verb, into.output);
  add_cluster_flags(verb, into);
}

int request_of_job(const char* verb, const job_request_flags& flags, const std::string& what,
                   json_value::object members, const std::string& done, then_wait wait) {
  const json_value body = request_body(std::move(members));
  const cluster_answer answer = ask_or_tell(verb, flags, "POST", job_path(flags.job, "/" + what), &body);
  if (!answer.ok()) return answer.code;
  print_output(
      flags.output, answer.body, [&] { return flags.job + ": " + done + "\n"; }, [&] { return flags.job + "\n"; });
  if (!flags.wait || wait == then_wait::none) return exit_success;
  std::fflush(stdout);
  return wait_for_job(verb, flags, flags.job, wait == then_wait::ended ? awaited::ended : awaited::running,
                      std::chrono::seconds(flags.timeout_s));
}

}  // namespace systole
