#pragma once

#include <memory>
#include <string>

#include "actors/components.h"
#include "actors/job_metrics.h"
#include "actors/wire/wire_network.h"
#include "connectors/gauge_board.h"
#include "coordination/cluster_service.h"
#include "coordination/failure_detector.h"

namespace systole {

struct coordinator_options {
  std::string address = "127.0.0.1";  ///< numeric, where workers connect
  uint16_t port = 0;                  ///< 0: any free one
  std::string storage;                ///< the directory that coordinators and workers share
  std::string checkpoints;            ///< s3://BUCKET/PREFIX[?...]: where jobs' checkpoints are instead; told to the workers
  std::string secret_directory;
  node_tls tls;                       ///< between this process and the workers
  std::string api;                    ///< where users reach this coordinator: told to the others once it leads
  failure_detector::settings detector;
  bool allow_tap = false;             ///< users may look at rows of steps
  std::string crash_at;               ///< tests only
};

/// A coordinator process: waits for the lead, then runs the cluster's jobs on the workers that register. All calls: any
/// thread.
class coordinator_node : public cluster_service {
 public:
  /// Listens for workers and begins to try for the lead.
  static result<std::unique_ptr<coordinator_node>> start(coordinator_options options, job_components components);

  /// Ends; jobs go on and wait for the next coordinator.
  virtual void stop() = 0;
  /// Blocks until it has ended; a failure where the process cannot go on.
  virtual result<void> wait() = 0;
  virtual wire_address listens_at() const = 0;
  virtual bool leads() const = 0;
  /// The jobs that it leads; none while it stands by.
  virtual std::vector<job_control_metrics> metrics() const = 0;
  /// What metrics sinks have published.
  virtual std::vector<std::shared_ptr<const shown_gauges>> results() const = 0;
};

}  // namespace systole
