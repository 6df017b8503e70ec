#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_text.h"
#include "control/api_tokens.h"
#include "coordination/cluster_service.h"
#include "http/message.h"

namespace systole {

/// One request, as the function of its route has it.
struct rest_call {
  cluster_service& cluster;
  http_request request;
  std::string job;  ///< {job} of the path: an id or a name
  epoch_id epoch;   ///< {epoch} of the path
  http_answer answer;
  api_role role = api_role::viewer;  ///< of who asks
  std::string caller;                ///< who asks, for the log
};

/// What control/openapi.json says too; a test compares the two.
struct rest_route {
  std::string_view method;
  std::string_view path;  ///< segments {job} and {epoch} are parameters
  api_role needed;
  void (*handle)(rest_call call);
};
const std::vector<rest_route>& rest_routes();

// The functions, by what they are about.
void get_cluster(rest_call call);
void get_workers(rest_call call);
void get_openapi(rest_call call);
void get_healthz(rest_call call);
void get_readyz(rest_call call);

void post_job(rest_call call);
void get_jobs(rest_call call);
void get_job(rest_call call);
void delete_job(rest_call call);
void get_plan(rest_call call);
void get_checkpoints(rest_call call);
void get_exceptions(rest_call call);
void post_diff(rest_call call);
void get_steps(rest_call call);
void get_logs(rest_call call);
void get_dead_letter(rest_call call);
void get_tap(rest_call call);

void post_stop(rest_call call);
void post_drain(rest_call call);
void post_cancel(rest_call call);
void post_resume(rest_call call);
void post_rescale(rest_call call);
void post_savepoint(rest_call call);
void get_savepoints(rest_call call);
void delete_savepoint(rest_call call);

/// An answer's JSON.
http_response json_response(unsigned status, json_text body);
/// Tells a failure. Where this coordinator does not lead, asks `cluster` who does, and says so.
void answer_failure(cluster_service& cluster, const failure& why, const http_answer& answer);

/// Answers with what `make` makes of a value, or tells why there is none.
template <class T, class Make>
cluster_service::answer<T> answer_with(const rest_call& call, Make make) {
  return [&cluster = call.cluster, answer = call.answer, make](result<T> got) {
    if (got) answer(make(*got));
    else answer_failure(cluster, got.error(), answer);
  };
}

}  // namespace systole
