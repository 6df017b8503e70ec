#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "coordination/cluster_service.h"

namespace systole::testing {

/// A cluster that only remembers: jobs are running once they are submitted, and what is asked of them is done at once.
/// A tap shows two rows of any step and ends; of a job named `ends` none, as if it were not allowed.
/// A manifest with the word `broken` in it is refused; a job named by `name: NAME` in its text. Thread-safe; answers on
/// the caller's thread.
class fake_cluster final : public cluster_service {
 public:
  void submit(job_submission what, answer<submission_outcome> then) override;
  void jobs(answer<std::vector<job_summary>> then) override;
  void job(std::string which, answer<job_details> then) override;
  void request(std::string which, job_request what, answer<epoch_id> then) override;
  void remove(std::string which, answer<bool> then) override;
  void compare(std::string which, job_submission what, answer<job_difference> then) override;
  void remove_savepoint(std::string which, epoch_id epoch, answer<bool> then) override;
  void figures(std::string which, answer<job_figures> then) override;
  void logs(log_query what, answer<std::vector<process_line>> then) override;
  void dead_letter(std::string which, dead_letter_query what, answer<dead_letter_page> then) override;
  void tap(std::string which, tap_request what, answer<tap_opening> then) override;
  void workers(answer<std::vector<worker_summary>> then) override;
  void cluster(answer<cluster_summary> then) override;

  /// Does not lead any more; `leader` does.
  void follow(std::string leader);
  /// What was submitted last.
  job_submission last_submission() const;
  /// The next call of any kind answers with this.
  void fail_next(failure why);
  /// Adds a line to the coordinator's.
  void log(std::string text);
  /// Jobs of that name end as `state` as soon as they are asked for the second time.
  void end_as(const std::string& name, const std::string& state);

 private:
  struct kept_job : job_details {
    std::map<std::string, epoch_id> answered;
    std::string end_as;
    int asked = 0;
  };
  std::optional<failure> refusal();
  kept_job* find(const std::string& which);
  epoch_id add_checkpoint(kept_job& job, bool savepoint);

  mutable std::recursive_mutex mutex_;  ///< an answer may ask again
  std::map<uint64_t, kept_job> jobs_;
  std::map<std::string, std::string> ends_;
  uint64_t next_id_ = 0x0a00;
  uint64_t next_epoch_ = 1;
  std::vector<process_line> logged_;
  bool leads_ = true;
  std::string leader_;
  job_submission last_;
  std::optional<failure> next_failure_;
};

/// A plan of two stages: read, count by department.
std::shared_ptr<const proto::PhysicalPlan> small_plan(const std::string& job);

}  // namespace systole::testing
