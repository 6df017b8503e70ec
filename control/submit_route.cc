// POST /api/v1/jobs
#include "actors/cluster_storage.h"
#include "control/rest_routes.h"
#include "control/submission_body.h"

namespace systole {
namespace {

http_response accepted(const submission_outcome& outcome) {
  json_text body;
  body.open_object();
  body.key("job");
  if (outcome.job) body.text(job_id_text(*outcome.job));
  else body.raw("null");
  body.key("name").text(outcome.name);
  write_problems(body.key("problems"), outcome.problems);
  body.key("changes").text(outcome.changes);
  body.close_object();
  http_response made = json_response(outcome.job ? 201 : 200, std::move(body));
  if (outcome.job) made.headers["Location"] = "/api/v1/jobs/" + job_id_text(*outcome.job);
  return made;
}

}  // namespace

void post_job(rest_call call) {
  auto what = read_submission(call.request.body);
  if (!what) return answer_failure(call.cluster, what.error(), call.answer);
  const bool dry_run = what->dry_run;
  call.cluster.submit(std::move(what).value(),
                      answer_with<submission_outcome>(call, [dry_run](const submission_outcome& outcome) {
                        const bool was_refused = outcome.refused || (!dry_run && !outcome.job);
                        return was_refused ? refused_manifest(outcome.problems) : accepted(outcome);
                      }));
}

}  // namespace systole
