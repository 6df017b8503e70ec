#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/components.h"
#include "actors/job_metrics.h"
#include "actors/wire/wire_network.h"
#include "base/limits.h"
#include "connectors/gauge_board.h"

namespace systole {

struct worker_options {
  std::string name;                        ///< stays over restarts; one process per name
  std::string node;                        ///< host, rack: what tasks are spread over
  std::vector<wire_address> coordinators;  ///< all that may lead
  std::string address = "127.0.0.1";       ///< numeric, to listen at
  uint16_t port = 0;                       ///< 0: any free one
  std::string advertised;                  ///< host by which other workers reach it; empty: `address`
  uint32_t slots = 1;
  size_t memory_bytes = limits::memory_default_bytes;
  std::string directory;                   ///< its own, for working state; one process at a time
  std::string storage;                     ///< the shared one, where it is mounted elsewhere here; empty: as coordinators say
  std::string secret_directory;
  node_tls tls;                            ///< between this process and the others of the cluster
  std::chrono::milliseconds leave_patience{60'000};  ///< on SIGTERM: for its tasks to be taken over
  bool allow_tap = false;                  ///< users may look at rows of its tasks
  std::string crash_at;                    ///< tests only
};

/// A worker process: registers with the coordinators, runs the tasks that it is given, and exchanges frames with other
/// workers. All calls: any thread.
class worker_node {
 public:
  /// Listens and begins to look for the coordinators.
  static result<std::unique_ptr<worker_node>> start(worker_options options, job_components components);
  virtual ~worker_node() = default;

  /// Wants to be rid of its tasks: see wait().
  virtual void leave() = 0;
  /// Blocks until it has left, at the latest `leave_patience` after leave(); a failure where the process cannot go on.
  virtual result<void> wait() = 0;
  virtual const worker_options& options() const = 0;
  virtual wire_address listens_at() const = 0;
  /// The jobs that have tasks here, and the last ones that had.
  virtual std::vector<job_metrics> jobs() const = 0;
  virtual worker_metrics metrics() const = 0;
  /// What metrics sinks here have published.
  virtual std::vector<std::shared_ptr<const shown_gauges>> results() const = 0;
};

}  // namespace systole
