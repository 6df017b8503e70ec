#pragma once

#include <caf/all.hpp>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "actors/job_meter.h"
#include "actors/wire/peer_links.h"
#include "actors/worker/attempt_host.h"
#include "actors/worker/worker_attempt.h"
#include "actors/worker/worker_node.h"
#include "coordination/worker_control.h"

namespace systole {

class worker_shell;

/// What a worker's threads share.
struct worker_core {
  worker_core(worker_options with, job_components made)
      : options(std::move(with)), components(std::move(made)), network(options.tls) {
    if (options.allow_tap) taps = std::make_shared<tap_board>();
  }

  const worker_options options;
  job_components components;
  std::shared_ptr<tap_board> taps;  ///< null: not allowed
  wire_address listens_at;  ///< set before the shell starts
  worker_shell* shell = nullptr;  ///< of the node's actor; only its thread looks

  std::mutex mutex;  ///< guards what follows
  std::condition_variable changed;
  bool ended = false;
  std::optional<failure> cause;
  std::map<job_id, std::shared_ptr<job_meter>> meters;
  uint32_t slots_used = 0;

  wire_network network;  ///< last: its destructor waits for actors, which use the rest
};

node_actor spawn_worker_shell(const std::shared_ptr<worker_core>& core);

/// worker_control's shell: performs its actions and tells it what happens. All on the node's thread.
class worker_shell {
 public:
  worker_shell(node_actor::pointer self, std::shared_ptr<worker_core> core);

  void start(gate_actor gate);
  void leave();
  /// Ends the process's work at once; `cause` where it could not go on.
  void stop(std::optional<failure> cause);
  void on_control(const caf::strong_actor_ptr& from, const std::string& bytes);
  void on_hello(const std::string& identity, const wire_actor& gate);
  void on_broken(job_id job, attempt_stamp stamp, failure cause);
  void on_down(const caf::actor_addr& gone);

 private:
  /// A coordinator that may lead.
  struct line {
    wire_address address;
    wire_actor gate;  ///< null while there is no connection
    link_actor link;
    std::string told;    ///< why it could not be reached, last
  };
  /// An attempt from its order to its end.
  struct hosting {
    attempt_order order;
    std::shared_ptr<worker_attempt> world;  ///< null until it is built
    attempt_host_actor host;
    std::set<uint32_t> reading;  ///< tasks whose sources have not come to their end
    bool building = true;
    bool failed = false;
    bool ending = false;
  };

  timestamp_us now_us() const;
  void post_later(std::chrono::microseconds wait, std::function<void()> what);
  /// What another thread calls to have something done on this one.
  std::function<void(std::function<void(worker_shell&)>)> poster() const;
  void tick();
  void connect(size_t line);
  void on_connected(size_t line, result<wire_actor> found);

  void perform(const worker_control::actions& actions);
  void perform(const worker_control::action& what);
  void send(const worker_message& what);
  void prepare(const attempt_order& order);
  void on_built(job_id job, attempt_stamp stamp, result<std::shared_ptr<worker_attempt>> built);
  std::chrono::milliseconds connect_pause();
  void link_peers();
  void on_peer_reached(const attempt_peer& peer, const result<wire_actor>& reached);
  bool has_all_peers(const hosting& of) const;
  void maybe_host(job_id job);
  void maybe_host_all();
  host_events events_of(job_id job, attempt_stamp stamp) const;
  void end(job_id job, attempt_stamp stamp);
  void release(job_id job, attempt_stamp stamp);
  void run(job_id job);
  void on_sources_ended(job_id job, attempt_stamp stamp, uint32_t task);
  void meter(job_id job, const worker_attempt& of);
  void count_slots();
  /// Tells the coordinators what its tasks have done and what it has logged.
  void tell_news();
  // worker_taps.cc
  void on_tap_order(const std::string& bytes);
  void refuse_taps(const tap_order& order);
  void tell_taps();
  void send_to_leader(const std::string& bytes);
  // worker_progress.cc
  void on_progress(const std::string& bytes);
  void tell_progress();
  static constexpr size_t kept_meters = 64;  ///< of jobs that have no task here any more
  template <class Message>
  void to_host(job_id job, const Message& message) {
    if (const auto found = hosting_.find(job); found != hosting_.end() && found->second.host)
      self_->send(found->second.host, message);
  }
  hosting* find(job_id job, attempt_stamp stamp);
  std::string directory_of(const attempt_order& order) const;

  node_actor::pointer self_;
  std::shared_ptr<worker_core> core_;
  worker_control control_;
  gate_actor gate_;
  std::vector<line> lines_;
  size_t leader_;  ///< index into lines_; lines_.size(): none yet
  peer_links peers_;
  std::set<incarnation_id> connecting_;  ///< peers that a connection is being made to, or again soon
  std::map<job_id, hosting> hosting_;
  std::string storage_;      ///< as the leader says
  std::string checkpoints_;
  uint64_t turn_ = 0;
  const incarnation_id process_ = random_incarnation();  ///< stays when control_ takes a new one
  std::minstd_rand random_{static_cast<uint32_t>(process_.low)};
  uint64_t told_line_ = 0;  ///< the last log line that the coordinators were sent
  timestamp_us taps_until_us_ = 0;  ///< when the last order about taps counts no more
  bool telling_taps_ = false;
  bool telling_progress_ = false;
  bool stopped_ = false;
};

}  // namespace systole
