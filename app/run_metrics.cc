#include "app/run_metrics.h"

#include <algorithm>
#include <cstdio>

#include "control/metrics_endpoint.h"

namespace systole {

result<std::unique_ptr<http_server>> serve_run_metrics(const std::string& where, bool insecure, const local_job& job,
                                                       const proto::PhysicalPlan& plan, size_t memory_limit_bytes,
                                                       std::shared_ptr<const gauge_board> results) {
  SYSTOLE_ASSIGN(listen_address at, parse_listen_address(where));
  if (!at.is_loopback() && !insecure)
    return fail(error_code::invalid_argument,
                at.text() + " can be reached from other machines, and metrics have neither password nor encryption: give "
                            "--insecure to allow it, or 127.0.0.1");
  uint32_t slots = 1;
  for (const proto::Stage& each : plan.stages()) slots = std::max(slots, each.parallelism());
  SYSTOLE_ASSIGN(auto server, serve_metrics(
                                  at,
                                  [&job, slots, memory_limit_bytes, results = std::move(results)] {
                                    process_metrics made{.version = SYSTOLE_VERSION,
                                                         .tasks = {job.metrics()},
                                                         .jobs = {job.control_metrics()}};
                                    const bool runs = made.jobs[0].state == "running";
                                    made.worker = {slots, runs ? slots : 0, resident_memory_bytes(), memory_limit_bytes};
                                    made.results = results->read();
                                    return made;
                                  },
                                  system_clock()));
  at.port = server->port();
  std::fprintf(stderr, "metrics: http://%s/metrics\n", at.text().c_str());
  return server;
}

}  // namespace systole
