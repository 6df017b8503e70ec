// POST /api/v1/jobs/{job}/diff
#include "control/rest_routes.h"
#include "control/submission_body.h"

namespace systole {
namespace {

void write_names(json_text& to, const std::vector<std::string>& names) {
  to.open_array();
  for (const std::string& each : names) to.text(each);
  to.close_array();
}

void write_state(json_text& to, const job_difference& from) {
  to.open_object();
  write_names(to.key("kept"), from.state.kept);
  write_names(to.key("new"), from.state.added);
  to.key("dropped").open_array();
  for (const auto& each : from.state.dropped) {
    to.open_object().key("step").text(each.step).key("holds").text(each.holds);
    to.close_object();
  }
  to.close_array().key("incompatible").open_array();
  for (const auto& each : from.state.incompatible) {
    to.open_object().key("step").text(each.step).key("why").text(each.why);
    to.close_object();
  }
  to.close_array().key("refusal").text(from.refusal);
  to.close_object();
}

http_response difference(const job_difference& from) {
  if (from.refused) return refused_manifest(from.problems);
  json_text body;
  body.open_object();
  write_problems(body.key("problems"), from.problems);
  body.key("steps").open_array();
  for (const step_difference& each : from.steps) {
    body.open_object().key("step").text(each.step).key("change").text(name_of(each.what));
    body.close_object();
  }
  body.close_array().key("epoch");
  if (from.epoch.value == 0) {
    body.raw("null").key("state").raw("null");
  } else {
    body.raw(std::to_string(from.epoch.value));
    write_state(body.key("state"), from);
  }
  body.close_object();
  return json_response(200, std::move(body));
}

}  // namespace

void post_diff(rest_call call) {
  auto what = read_submission(call.request.body);
  if (!what) return answer_failure(call.cluster, what.error(), call.answer);
  call.cluster.compare(call.job, std::move(what).value(), answer_with<job_difference>(call, difference));
}

}  // namespace systole
