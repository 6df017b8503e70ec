#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "coordination/failure_detector.h"
#include "coordination/job_control.h"

namespace systole {

/// The coordinator while it leads: its workers, its jobs, and who hears what. One object per term; when the term is
/// over it is thrown away, with everything that was on its way to it. Pure; one thread.
class cluster_control {
 public:
  struct settings {
    failure_detector::settings detector;
    /// Jobs are not placed before so long into the term: workers register in that time, and what runs is adopted.
    int64_t gather_us = 500'000;
    std::string storage;      ///< told to workers, as is
    std::string checkpoints;  ///< this
  };
  struct worker {
    std::string name;
    std::string address;
    std::string node;
    uint32_t slots = 0;
    bool leaving = false;
    uint64_t sequence = 0;  ///< of its last report
  };

  struct of_job {  ///< an action of a job, but its messages
    job_id job;
    job_control::action what;
  };
  struct send {
    incarnation_id to;
    coordinator_message what;
  };
  struct step_down {  ///< somebody knows a higher term
    term_id higher;
  };
  using action = std::variant<of_job, send, step_down>;
  using actions = std::vector<action>;

  cluster_control(const settings& with, term_id term, timestamp_us now_us);

  /// A job whose log was claimed in this term. Its history tells what to do.
  actions add_job(const job_control::settings& with, job_control::shape made, const job_control::origin& from,
                  timestamp_us now_us);
  /// All jobs that there are have been added: what workers have of others is to end.
  void on_jobs_known() { jobs_known_ = true; }
  /// A job that has ended is forgotten, its history is in its log.
  void remove_job(job_id job) { jobs_.erase(job); }

  actions on_message(const worker_message& what, timestamp_us now_us);
  actions on_connection_lost(incarnation_id which, timestamp_us now_us);
  actions on_request(job_id job, const job_request& request, timestamp_us now_us);
  actions on_time(timestamp_us now_us);
  /// Answers to a job's actions: calls `event` with the job, if it is still here.
  template <class Event>
  actions on_answer(job_id job, timestamp_us now_us, Event event) {
    actions out;
    if (const auto found = jobs_.find(job); found != jobs_.end()) take(job, event(found->second), out);
    place(now_us, out);
    return out;
  }

  timestamp_us next_wakeup_us() const;
  term_id term() const { return term_; }
  const std::map<incarnation_id, worker>& workers() const { return workers_; }
  const std::map<job_id, job_control>& jobs() const { return jobs_; }

 private:
  void on_report(const worker_report& report, timestamp_us now_us, actions& out);
  void give_up(incarnation_id which, timestamp_us now_us, actions& out);
  void place(timestamp_us now_us, actions& out);
  void take(job_id job, job_control::actions from, actions& out);

  settings with_;
  term_id term_;
  timestamp_us place_from_us_;
  bool jobs_known_ = false;
  failure_detector detector_;
  std::map<incarnation_id, worker> workers_;
  std::map<job_id, job_control> jobs_;
};

}  // namespace systole
