#include "app/job_waiting.h"

#include <algorithm>
#include <cstdio>
#include <thread>

#include "app/command_output.h"

namespace systole {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::milliseconds first_pause{50};
constexpr std::chrono::milliseconds most_pause{1'000};

bool has_ended(const std::string& state) {
  return state == "finished" || state == "stopped" || state == "cancelled" || state == "failed";
}

}  // namespace

int wait_for_job(const char* verb, const cluster_flags& flags, const std::string& job, awaited what,
                 std::chrono::seconds patience) {
  const auto deadline = steady_clock::now() + patience;
  auto client = cluster_client::open(flags);
  if (!client) {
    std::fprintf(stderr, "systole %s: %s\n", verb, client.error().message.c_str());
    return exit_usage;
  }
  std::string told;
  std::chrono::milliseconds pause = first_pause;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
    client->set_patience(std::clamp(left, std::chrono::milliseconds(1'000), std::chrono::milliseconds(10'000)));
    const cluster_answer answer = client->ask("GET", job_path(job));
    const std::string state = member_text(answer.body, "state"), reason = member_text(answer.body, "reason");
    if (answer.ok()) {
      const bool ended = has_ended(state);
      if (ended || (what == awaited::running && state == "running")) {
        const bool good = what == awaited::ended ? state != "failed" : state == "running" || state == "finished";
        std::fprintf(stderr, "%s: %s%s%s\n", job.c_str(), state.c_str(), reason.empty() ? "" : ": ", reason.c_str());
        return good ? exit_success : exit_negative;
      }
    } else if (answer.code != exit_unreachable || answer.status == 401 || answer.status == 403) {
      tell(verb, answer);  // waiting would change nothing
      return answer.code;
    }
    const std::string now = answer.ok() ? state + (reason.empty() ? "" : ": " + reason) : answer.message;
    if (now != told) std::fprintf(stderr, "%s: %s\n", job.c_str(), now.c_str());
    told = now;
    if (steady_clock::now() >= deadline) {
      if (!answer.ok()) return exit_unreachable;
      std::fprintf(stderr, "systole %s: %s is %s after %lld s; it goes on\n", verb, job.c_str(), state.c_str(),
                   static_cast<long long>(patience.count()));
      return exit_timed_out;
    }
    // A client asks: the API has no call that answers later. At most once a second after the first few.
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(pause, deadline - steady_clock::now()));
    pause = std::min(pause * 2, most_pause);
  }
}

}  // namespace systole
