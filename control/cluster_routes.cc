// What the cluster is, and how this coordinator does.
#include "control/job_json.h"
#include "control/openapi.h"
#include "control/rest_routes.h"

namespace systole {

void get_cluster(rest_call call) {
  call.cluster.cluster(answer_with<cluster_summary>(call, [](const cluster_summary& cluster) {
    json_text body;
    write_cluster(body, cluster);
    return json_response(200, std::move(body));
  }));
}

void get_workers(rest_call call) {
  call.cluster.workers(answer_with<std::vector<worker_summary>>(call, [](const std::vector<worker_summary>& workers) {
    json_text body;
    body.open_object().key("workers").open_array();
    for (const worker_summary& each : workers) write_worker(body, each);
    body.close_array().close_object();
    return json_response(200, std::move(body));
  }));
}

void get_openapi(rest_call call) {
  http_response made;
  made.body = openapi_document();
  call.answer(std::move(made));
}

void get_healthz(rest_call call) {
  json_text body;
  body.open_object().key("alive").boolean(true).close_object();
  call.answer(json_response(200, std::move(body)));
}

/// Ready is who leads: requests to others are refused, so a balancer is to send none there.
void get_readyz(rest_call call) {
  call.cluster.cluster(answer_with<cluster_summary>(call, [](const cluster_summary& cluster) {
    json_text body;
    body.open_object().key("ready").boolean(cluster.leads);
    body.key("leader").text(cluster.leader).close_object();
    return json_response(cluster.leads ? 200 : 503, std::move(body));
  }));
}

}  // namespace systole
