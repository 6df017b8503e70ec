#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/attempt_world.h"
#include "actors/cluster_storage.h"
#include "actors/job_recovery.h"
#include "coordination/cluster_service.h"
#include "coordination/job_control.h"

namespace systole {

/// A coordinator's hands for one job: its log, its checkpoints and its sinks' commits. Everything blocks; one thread.
/// For one term: where another coordinator has taken the job's log over, every call that writes says `fenced`, and the
/// term is over.
class job_keeper {
 public:
  struct settings {
    std::string storage;      ///< see cluster_storage
    std::string checkpoints;
    std::string secret_directory;
    std::string crash_at;  ///< tests only
  };
  /// What job_control begins with.
  struct opened {
    job_control::settings with;
    job_control::shape made;
    job_control::origin from;
    std::shared_ptr<const proto::PhysicalPlan> plan;
    std::vector<checkpoint_summary> checkpoints;
  };
  struct stored {
    std::optional<failure> cause;  ///< the epoch is known not to be in the log
    checkpoint_summary summary;
  };

  job_keeper(proto::JobDefinition definition, settings with, const job_components& components);

  /// Claims the job's log for the term, then reads it.
  result<opened> open(term_id term);
  /// An error: whether the record is in the log is not known, or it is another's.
  result<void> append(proto::LogRecord record);
  /// Records why an attempt failed, its time the wall clock's. An error but `fenced` costs no more than that: this
  /// coordinator tells the cause, a later one may not.
  result<void> keep_cause(const attempt_failure& failed);
  /// Plans at a parallelism; 0: as submitted.
  result<job_control::shape> make_shape(uint32_t parallelism);
  /// Before the first row of an attempt. A failure is the attempt's.
  std::optional<failure> recover_sinks(epoch_id last);
  /// The restored files that are verified only now, before the attempt's first epoch. A failure is the attempt's.
  std::optional<failure> verify_bases();
  result<stored> store(const job_control::store& what);
  std::optional<failure> commit(uint32_t sink, epoch_id epoch, epoch_id previous);
  /// All sinks have committed: folds the log, and what no kept epoch needs goes.
  result<void> collect();
  result<void> remove_savepoint(epoch_id epoch);

  const std::shared_ptr<const proto::PhysicalPlan>& plan() const { return plan_; }
  const proto::JobDefinition& definition() const { return definition_; }

 private:
  result<void> fold_if_long();
  result<void> plan_at(uint32_t parallelism);
  result<void> open_sinks(bool running);
  job_control::shape shape() const;
  uint32_t retained() const { return std::max(plan_->checkpoint().retained(), 1u); }  ///< epochs
  checkpoint_summary summary_of(const proto::CheckpointMetadata& metadata) const;

  const proto::JobDefinition definition_;
  const settings with_;
  const job_components& components_;
  cluster_storage storage_;
  crash_points crash_;
  std::unique_ptr<checkpoint_store> store_;
  term_id term_;
  uint64_t attempt_ = 0;  ///< the last recorded
  uint32_t parallelism_ = 0;
  std::shared_ptr<const proto::PhysicalPlan> plan_;
  deployment whole_;
  std::map<std::string, uint32_t> most_shards_;
  std::shared_ptr<const proto::CheckpointMetadata> last_;  ///< of the last complete epoch
  uint64_t highest_ = 0;                                   ///< completed, also where a rewind took it back
  bool to_verify_ = false;
  uint64_t records_ = records_before_fold;  ///< in the log, about
  std::unique_ptr<attempt_world> world_;
  std::vector<job_sink> sinks_;
};

}  // namespace systole
