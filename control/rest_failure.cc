// How failures look to the API's users.
#include "base/error_codes.h"
#include "control/rest_routes.h"

namespace systole {
namespace {

unsigned status_of(error_code code) {
  switch (code) {
    case error_code::invalid_argument: return 400;
    case error_code::not_found: return 404;
    case error_code::already_exists:
    case error_code::incompatible:
    case error_code::cancelled: return 409;
    case error_code::limit_exceeded: return 429;
    case error_code::unavailable:
    case error_code::fenced: return 503;
    case error_code::disk_full: return 507;
    case error_code::corrupt:
    case error_code::io:
    case error_code::data:
    case error_code::internal: return 500;
  }
  return 500;
}

http_response told(const failure& why, const std::string& leader) {
  json_text body;
  body.open_object().key("error").open_object();
  body.key("code").text(error_code_name(why.code)).key("message").text(why.message);
  if (!leader.empty()) body.key("leader").text(leader);
  body.close_object().close_object();
  http_response made = json_response(status_of(why.code), std::move(body));
  if (made.status == 503) made.headers["Retry-After"] = "1";
  return made;
}

}  // namespace

http_response json_response(unsigned status, json_text body) {
  http_response made;
  made.status = status;
  made.body = body.take() + "\n";
  return made;
}

void answer_failure(cluster_service& cluster, const failure& why, const http_answer& answer) {
  if (why.code != error_code::unavailable) return answer(told(why, {}));
  cluster.cluster([why, answer](result<cluster_summary> known) {
    const bool elsewhere = known && !known->leads;
    answer(told(why, elsewhere ? known->leader : std::string()));
  });
}

}  // namespace systole
