#pragma once

#include <caf/all.hpp>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/attempt.h"
#include "actors/background.h"
#include "actors/coordinator/coordinator_diary.h"
#include "actors/coordinator/coordinator_node.h"
#include "actors/coordinator/job_keeper.h"
#include "actors/job_metrics.h"
#include "actors/node_work.h"
#include "actors/wire/peer_links.h"
#include "coordination/cluster_control.h"
#include "coordination/leadership.h"

namespace systole {

class coordinator_shell;

/// What a coordinator's threads share.
struct coordinator_core {
  coordinator_core(coordinator_options with, job_components made)
      : options(std::move(with)), components(std::move(made)), storage(options.storage, options.checkpoints, components), network(options.tls) {}

  const coordinator_options options;
  job_components components;
  const cluster_storage storage;
  wire_address listens_at;             ///< set before the shell starts
  coordinator_shell* shell = nullptr;  ///< of the node's actor; only its thread looks
  std::unique_ptr<checkpoint_store> log;  ///< the cluster's; one background step at a time has it

  std::mutex mutex;  ///< guards what follows
  std::condition_variable changed;
  bool stopping = false;
  bool ended = false;
  bool leads = false;
  std::vector<job_control_metrics> jobs;  ///< as of the last tick
  std::optional<failure> cause;
  std::unique_ptr<file_lock> lock;  ///< while this process is the one that tries

  wire_network network;  ///< last: its destructor waits for actors, which use the rest
};

node_actor spawn_coordinator_shell(const std::shared_ptr<coordinator_core>& core);

/// The shell of leadership and cluster_control: performs their actions and tells them what happens. All on the node's
/// thread; what blocks is done by a keeper's thread for each job, and by threads of a moment.
class coordinator_shell {
 public:
  template <class T>
  using answer = cluster_service::answer<T>;

  coordinator_shell(node_actor::pointer self, std::shared_ptr<coordinator_core> core);

  void start(gate_actor gate);
  void stop(std::optional<failure> cause);
  void on_elected();
  void on_control(const std::string& bytes);
  void on_hello(const std::string& identity, const wire_actor& gate);
  void on_down(const caf::actor_addr& gone) { peers_.on_down(gone); }

  // From users: see cluster_service.
  void submit(job_submission what, answer<submission_outcome> then);
  void jobs(const answer<std::vector<job_summary>>& then) const;
  void job(const std::string& which, const answer<job_details>& then) const;
  void request(const std::string& which, job_request what, answer<epoch_id> then);
  void remove(const std::string& which, answer<bool> then);
  void remove_savepoint(const std::string& which, epoch_id epoch, answer<bool> then);
  void compare(const std::string& which, job_submission what, answer<job_difference> then);
  void figures(const std::string& which, const answer<job_figures>& then) const;
  void logs(const log_query& what, const answer<std::vector<process_line>>& then) const;
  void dead_letter(const std::string& which, const dead_letter_query& what, answer<dead_letter_page> then) const;
  void tap(const std::string& which, const tap_request& what, const answer<tap_opening>& then) const;
  void workers(const answer<std::vector<worker_summary>>& then) const;
  void cluster(answer<cluster_summary> then) const;

 private:
  /// A job of the cluster in this term.
  struct entry {
    std::shared_ptr<job_keeper> keeper;
    node_actor thread;  ///< the keeper's
    std::string name;
    std::string request;
    timestamp_us submitted_at_us = 0;
    std::shared_ptr<const proto::PhysicalPlan> plan;
    bool opened = false;
    std::optional<failure> broken;  ///< it could not be opened
    std::deque<checkpoint_summary> checkpoints;
    std::vector<attempt_failure> earlier_failures;  ///< while others led, from the log; the wall clock's times
    std::shared_ptr<checkpoint_counters> counters;
    std::map<error_code, uint64_t> restarts;
    timestamp_us failure_seen_us = 0;  ///< when the last counted attempt failed
    timestamp_us opened_us = 0;  ///< the wall clock's
    std::map<uint64_t, timestamp_us> triggered_us;  ///< by epoch under way
  };
  /// A job that was compiled, on its way in.
  struct submission {
    proto::JobDefinition definition;
    submission_outcome outcome;
    std::shared_ptr<const proto::PhysicalPlan> plan;
    std::string from;  ///< where its state comes from; empty: nowhere
    bool dry_run = false;
    answer<submission_outcome> then;
  };
  /// Where a job's saved state is, or why there is none: on the node's thread, by what the jobs say.
  struct saved_place {
    std::optional<job_id> job;  ///< of the cluster: its keeper reads it; else a directory is read in the background
    std::string directory;
    epoch_id epoch;  ///< 0: the last one
  };
  result<saved_place> find_saved(const std::string& from) const;
  /// Runs `what` where nothing is removed from the place meanwhile.
  template <class T>
  void at_saved(const saved_place& place, std::function<T()> what, std::function<void(coordinator_shell&, T)> then) {
    if (place.job)
      return by_keeper<T>(
          *place.job, [what = std::move(what)](job_keeper&) { return what(); }, std::move(then));
    in_background<T>(self_->system(), poster(), std::move(what), std::move(then));
  }
  using job_event = std::function<job_control::actions(job_control&)>;
  static constexpr size_t kept_checkpoints = 64;

  timestamp_us now_us() const;
  std::function<void(std::function<void(coordinator_shell&)>)> poster() const;
  /// Runs `what` on the job's keeper, then `then` here, if the term is still the same.
  template <class T>
  void by_keeper(job_id job, std::function<T(job_keeper&)> what, std::function<void(coordinator_shell&, T)> then) {
    const entry& it = entries_.at(job);
    self_->send(it.thread,
                node_work{[keeper = it.keeper, post = poster(), what = std::move(what), then = std::move(then), job,
                           term = control_->term()] {
                  auto made = std::make_shared<T>(what(*keeper));
                  post([made, then, job, term](coordinator_shell& shell) {
                    const bool same = shell.control_ && shell.control_->term() == term && shell.entries_.contains(job);
                    if (same) then(shell, std::move(*made));
                  });
                }});
  }
  void post_later(std::chrono::microseconds wait, std::function<void()> what);
  void tick();
  void on_news(const std::string& bytes);
  // coordinator_causes.cc
  timestamp_us wall_clock_is_ahead_us() const;
  void keep_cause(job_id job, attempt_failure failed);
  /// As users read them: those under earlier coordinators first, times of the wall clock.
  std::vector<attempt_failure> failures_of(const entry& of, const job_control& job) const;
  // coordinator_taps.cc
  void open_tap(job_id job, const tap_request& what, std::shared_ptr<tap_listener> listener);
  void on_tap_news(const std::string& bytes);
  void tend_taps();
  void tell_taps();
  void end_taps();
  /// Why the job emits no more rows, if so.
  std::optional<std::string> emits_no_more(job_id job) const;

  void perform(const leadership::actions& actions);
  void claim(term_id term);
  void lead(term_id term);
  void on_jobs_read(term_id term, std::vector<proto::JobDefinition> found);
  void step_down(term_id higher);
  void open_job(proto::JobDefinition definition, std::function<void(std::optional<failure>)> then);
  void maybe_jobs_known();
  void accept(submission what);
  void accept_from(submission what);
  void add(submission what);

  void perform(cluster_control::actions actions);
  void perform(job_id job, job_control::action what);
  void tell(job_id job, const job_event& event);
  void reply(const job_control::answer& what);
  void on_lost(job_id job, const failure& cause);
  void on_triggered(const epoch_order& order);
  /// Puts the jobs' figures where a scrape finds them.
  void publish();
  void on_stored(job_id job, epoch_id epoch, const job_keeper::stored& outcome);

  const entry* find(const std::string& which, job_id* id) const;
  static failure unknown_job(const std::string& which);
  failure not_leading() const;
  job_summary summary_of(job_id id, const entry& of) const;

  node_actor::pointer self_;
  std::shared_ptr<coordinator_core> core_;
  leadership leadership_;
  std::unique_ptr<cluster_control> control_;
  std::map<job_id, entry> entries_;
  std::set<std::string> submitting_;  ///< names
  std::map<std::string, std::vector<answer<epoch_id>>> asked_;  ///< by request
  size_t to_open_ = 0;
  bool jobs_read_ = false;
  gate_actor gate_;
  peer_links peers_;
  news_board news_;
  coordinator_diary diary_;  ///< of this term
  tap_sessions taps_;
  std::vector<tapped_step> taps_told_;  ///< to the workers
  bool tending_taps_ = false;
  uint64_t turn_ = 0;
  bool stopped_ = false;
};

}  // namespace systole
