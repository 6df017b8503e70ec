#pragma once

#include <memory>
#include <string>

#include "actors/local_job.h"
#include "base/result.h"
#include "connectors/gauge_board.h"
#include "http/server.h"
#include "proto/plan.pb.h"

namespace systole {

/// Serves the metrics of a job that runs in this process; both outlive the server. `where`: --metrics; other addresses
/// than this machine's own only where `insecure`. Tells on stderr where it listens.
result<std::unique_ptr<http_server>> serve_run_metrics(const std::string& where, bool insecure, const local_job& job,
                                                       const proto::PhysicalPlan& plan, size_t memory_limit_bytes,
                                                       std::shared_ptr<const gauge_board> results);

}  // namespace systole
