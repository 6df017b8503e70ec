#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "control/listen_address.h"
#include "control/metrics_exposition.h"
#include "http/message.h"
#include "http/server.h"

namespace systole {

/// Answers GET and HEAD of /metrics and /healthz; another path is a 404. `read` is called for each scrape, on the server's
/// thread, and must not block; what it returns is what the process knows now.
http_handler metrics_handler(std::function<process_metrics()> read, const clock& time);

/// Serves metrics_handler; see http_server.
result<std::unique_ptr<http_server>> serve_metrics(const listen_address& where, std::function<process_metrics()> read,
                                                   const clock& time);

}  // namespace systole
