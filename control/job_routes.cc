// What a job is and what becomes of it: /api/v1/jobs/{job}
#include <openssl/rand.h>

#include "base/hexadecimal.h"
#include "base/limits.h"
#include "control/job_json.h"
#include "control/request_body.h"
#include "control/rest_routes.h"

namespace systole {
namespace {

/// Answers with one part of a job's details.
template <class Make>
void with_job(const rest_call& call, Make make) {
  call.cluster.job(call.job, answer_with<job_details>(call, make));
}

template <class Keep>
http_response checkpoints_of(const job_details& job, const char* name, Keep keep) {
  json_text body;
  body.open_object().key(name).open_array();
  for (const checkpoint_summary& each : job.checkpoints)
    if (keep(each)) write_checkpoint(body, each);
  body.close_array().close_object();
  return json_response(200, std::move(body));
}

std::string random_request_id() {
  unsigned char random[16];
  if (RAND_bytes(random, sizeof random) != 1) return {};  // the cluster then makes one
  std::string made;
  append_hex(made, {reinterpret_cast<const char*>(random), sizeof random});
  return made;
}

result<job_request> read_request(const std::string& text, job_request::kind what) {
  SYSTOLE_ASSIGN(const json_value body, parse_body(text));
  object_members members(body, "the body");
  job_request made;
  made.what = what;
  made.id = members.text("request", limits::api_name_bytes);
  if (what == job_request::kind::rescale)
    made.parallelism = members.number("parallelism", 1, limits::max_parallelism, true);
  SYSTOLE_TRY(members.end());
  if (made.id.empty()) made.id = random_request_id();
  return made;
}

void ask(const rest_call& call, job_request::kind what) {
  auto request = read_request(call.request.body, what);
  if (!request) return answer_failure(call.cluster, request.error(), call.answer);
  const bool done = what == job_request::kind::savepoint;
  const std::string id = request->id;
  call.cluster.request(call.job, std::move(request).value(), answer_with<epoch_id>(call, [id, done](epoch_id epoch) {
                         json_text body;
                         body.open_object();
                         body.key("request").text(id);
                         body.key("epoch");
                         if (epoch.value > 0) body.raw(std::to_string(epoch.value));
                         else body.raw("null");
                         body.close_object();
                         return json_response(done ? 201 : 202, std::move(body));
                       }));
}

http_response removed(bool was_there) {
  if (!was_there) return http_error(404, "not_found", "there is no such thing, or no more");
  http_response made;
  made.status = 204;
  made.content_type.clear();
  return made;
}

}  // namespace

void get_jobs(rest_call call) {
  call.cluster.jobs(answer_with<std::vector<job_summary>>(call, [](const std::vector<job_summary>& jobs) {
    json_text body;
    body.open_object().key("jobs").open_array();
    for (const job_summary& each : jobs) write_job(body, each);
    body.close_array().close_object();
    return json_response(200, std::move(body));
  }));
}

void get_job(rest_call call) {
  with_job(call, [](const job_details& job) {
    json_text body;
    write_details(body, job);
    return json_response(200, std::move(body));
  });
}

void get_plan(rest_call call) {
  with_job(call, [](const job_details& job) {
    if (!job.plan) return http_error(404, "not_found", "the plan of " + job.name + " is not known yet");
    json_text body;
    write_plan(body, *job.plan);
    return json_response(200, std::move(body));
  });
}

void get_checkpoints(rest_call call) {
  with_job(call, [](const job_details& job) {
    return checkpoints_of(job, "checkpoints", [](const checkpoint_summary&) { return true; });
  });
}

void get_savepoints(rest_call call) {
  with_job(call, [](const job_details& job) {
    return checkpoints_of(job, "savepoints", [](const checkpoint_summary& each) { return each.savepoint; });
  });
}

void get_exceptions(rest_call call) {
  with_job(call, [](const job_details& job) {
    json_text body;
    body.open_object().key("exceptions").open_array();
    for (const attempt_failure& each : job.failures) write_failure(body, each);
    body.close_array().close_object();
    return json_response(200, std::move(body));
  });
}

void delete_job(rest_call call) { call.cluster.remove(call.job, answer_with<bool>(call, removed)); }
void delete_savepoint(rest_call call) {
  call.cluster.remove_savepoint(call.job, call.epoch, answer_with<bool>(call, removed));
}

void post_stop(rest_call call) { ask(call, job_request::kind::stop); }
void post_drain(rest_call call) { ask(call, job_request::kind::drain); }
void post_cancel(rest_call call) { ask(call, job_request::kind::cancel); }
void post_resume(rest_call call) { ask(call, job_request::kind::resume); }
void post_rescale(rest_call call) { ask(call, job_request::kind::rescale); }
void post_savepoint(rest_call call) { ask(call, job_request::kind::savepoint); }

}  // namespace systole
