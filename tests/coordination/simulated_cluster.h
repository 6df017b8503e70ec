#pragma once

#include <memory>
#include <vector>

#include "coordination/cluster_control.h"
#include "coordination/leadership.h"
#include "tests/coordination/simulated_storage.h"
#include "tests/coordination/simulated_worker.h"

namespace systole::testing {

constexpr size_t worker_count = 3;
constexpr size_t coordinator_count = 2;

/// One coordinator process: the shell that a real one has around leadership and cluster_control.
class simulated_coordinator {
 public:
  simulated_coordinator(simulated_cluster& cluster, size_t process) : cluster_(cluster), process_(process) {}

  void start();
  void elected() { perform(leadership_.on_elected()); }
  void lock_lost() { perform(leadership_.on_lock_lost()); }
  void on_message(const worker_message& what);
  void on_connection_lost(incarnation_id worker);
  void request(job_request what);
  const cluster_control* control() const { return control_.get(); }
  bool leads() const { return leadership_.leads(); }

 private:
  void tick(uint64_t turn);
  void perform(const leadership::actions& what);
  void perform(cluster_control::actions what);
  void perform(const job_control::action& what);
  void open_job(term_id term);
  void append(proto::LogRecord record, std::function<void()> then);
  void store(const job_control::store& what);
  void commit(epoch_id epoch, bool recovery, std::function<void(std::optional<failure>)> then);
  void fold();
  void step_down(term_id higher);
  /// After a while, in this process, if it still is in the same term.
  void later(int64_t least_us, int64_t most_us, std::function<void()> what);

  simulated_cluster& cluster_;
  size_t process_;
  leadership leadership_;
  std::unique_ptr<cluster_control> control_;
  simulated_log::tail cluster_seen_ = 0;
  simulated_log::tail job_seen_ = 0;
  uint64_t turn_ = 0;
};

/// Two coordinators, three workers and one job: two splits -> keyed exchange -> two sinks, at parallelism 1 or 2.
class simulated_cluster {
 public:
  simulated_cluster(uint64_t seed, const simulated_guards& guards);
  /// Chaos, then quiet; see damage() afterwards.
  void run();
  const std::string& damage() const { return world.damage; }

  static job_control::shape shape_of(uint32_t parallelism);
  static constexpr job_id job{7};

  simulated_guards guards;
  simulated_world world;
  simulated_storage storage;
  std::vector<std::unique_ptr<simulated_worker>> workers;
  std::vector<std::unique_ptr<simulated_coordinator>> coordinators;
  size_t lock_holder = 0;  ///< a process; what it believes itself may differ
  uint64_t attempts = 0;
  uint64_t restored = 0;
  timestamp_us calm_us = 0;  ///< from the end of chaos to three more epochs

  size_t coordinator_process(size_t index) const { return worker_count + index; }
  void to_coordinators(size_t from, const worker_message& what);
  void to_worker(size_t from, incarnation_id to, const coordinator_message& what);
  void to_peer(size_t from, size_t to, simulated_frame what);
  incarnation_id new_incarnation(size_t worker);
  size_t worker_of(incarnation_id which) const { return which.low; }

 private:
  void fault();
  void kill_worker(size_t which);
  void kill_coordinator(size_t which);
  void elect(size_t which, bool tell_the_other);
  void calm();
  bool revive(size_t process);

  uint64_t incarnations_ = 0;
  uint64_t requests_ = 0;
  bool quiet_ = false;
  std::vector<timestamp_us> last_arrival_;  ///< frames of a pair stay in order
};

}  // namespace systole::testing
