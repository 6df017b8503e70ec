#include "control/rest_routes.h"

namespace systole {

const std::vector<rest_route>& rest_routes() {
  constexpr api_role reads = api_role::viewer, controls = api_role::operator_, removes = api_role::admin;
  static const std::vector<rest_route> all = {
      {"GET", "/healthz", reads, get_healthz},
      {"GET", "/readyz", reads, get_readyz},
      {"GET", "/api/v1/openapi.json", reads, get_openapi},
      {"GET", "/api/v1/cluster", reads, get_cluster},
      {"GET", "/api/v1/workers", reads, get_workers},
      {"GET", "/api/v1/logs", reads, get_logs},
      {"GET", "/api/v1/jobs", reads, get_jobs},
      {"POST", "/api/v1/jobs", controls, post_job},
      {"GET", "/api/v1/jobs/{job}", reads, get_job},
      {"DELETE", "/api/v1/jobs/{job}", removes, delete_job},
      {"GET", "/api/v1/jobs/{job}/plan", reads, get_plan},
      {"GET", "/api/v1/jobs/{job}/steps", reads, get_steps},
      {"GET", "/api/v1/jobs/{job}/deadletter", reads, get_dead_letter},
      {"GET", "/api/v1/jobs/{job}/tap", controls, get_tap},
      {"GET", "/api/v1/jobs/{job}/checkpoints", reads, get_checkpoints},
      {"GET", "/api/v1/jobs/{job}/exceptions", reads, get_exceptions},
      {"POST", "/api/v1/jobs/{job}/diff", reads, post_diff},
      {"POST", "/api/v1/jobs/{job}/stop", controls, post_stop},
      {"POST", "/api/v1/jobs/{job}/drain", controls, post_drain},
      {"POST", "/api/v1/jobs/{job}/cancel", controls, post_cancel},
      {"POST", "/api/v1/jobs/{job}/resume", controls, post_resume},
      {"POST", "/api/v1/jobs/{job}/rescale", controls, post_rescale},
      {"GET", "/api/v1/jobs/{job}/savepoints", reads, get_savepoints},
      {"POST", "/api/v1/jobs/{job}/savepoints", controls, post_savepoint},
      {"DELETE", "/api/v1/jobs/{job}/savepoints/{epoch}", removes, delete_savepoint},
  };
  return all;
}

}  // namespace systole
