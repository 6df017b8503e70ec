#include "control/metrics_endpoint.h"

#include <utility>

namespace systole {

http_handler metrics_handler(std::function<process_metrics()> read, const clock& time) {
  return [read = std::move(read), &time](const http_request& request, const http_answer& answer) {
    if (request.path != "/metrics" && request.path != "/healthz")
      return answer({.status = 404, .content_type = "text/plain", .body = "here are /metrics and /healthz\n"});
    if (request.method != "GET" && request.method != "HEAD")
      return answer({.status = 405, .content_type = "text/plain", .body = "GET\n", .headers = {{"Allow", "GET, HEAD"}}});
    if (request.path == "/healthz") return answer({.content_type = "text/plain", .body = "ok\n"});
    answer({.content_type = prometheus_content_type, .body = prometheus_text(read(), time.now_us())});
  };
}

result<std::unique_ptr<http_server>> serve_metrics(const listen_address& where, std::function<process_metrics()> read,
                                                   const clock& time) {
  http_server_options options;
  options.address = where.address;
  options.port = where.port;
  return http_server::start(options, metrics_handler(std::move(read), time));
}

}  // namespace systole
