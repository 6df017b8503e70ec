#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/components.h"
#include "base/result.h"
#include "coordination/cluster_service.h"
#include "plan/compile.h"
#include "proto/job.pb.h"

namespace systole {

/// What a cluster shares: a directory that coordinators and workers see under the same path. Blocks; any thread.
///
///   leader.lock              held by the coordinator that tries to lead
///   cluster/                 the cluster's log: who led in which term
///   jobs/ID/definition       what was submitted (proto/job.proto); the job exists once this is there
///   jobs/ID/plan-P           its physical plan at parallelism P (0: as submitted)
///   jobs/ID/checkpoints/     its checkpoint store, unless checkpoints are in a bucket: there it is PREFIX/jobs/ID
///   jobs/ID/outbox/          rows that wait for their epoch's commit
///   scratch/                 of a moment
class cluster_storage {
 public:
  /// `checkpoints`: s3://BUCKET/PREFIX[?...], or empty.
  cluster_storage(std::string directory, std::string checkpoints, const job_components& components)
      : directory_(std::move(directory)), checkpoints_(std::move(checkpoints)), components_(components) {}

  result<void> open();
  std::string lock_path() const { return directory_ + "/leader.lock"; }
  result<std::unique_ptr<checkpoint_store>> open_cluster_log() const;

  result<std::vector<proto::JobDefinition>> jobs() const;
  result<void> add_job(const proto::JobDefinition& definition) const;
  result<void> remove_job(job_id job) const;
  result<void> put_plan(job_id job, uint32_t parallelism, const proto::PhysicalPlan& plan) const;
  result<proto::PhysicalPlan> read_plan(job_id job, uint32_t parallelism) const;
  /// A directory, or a URL: what job_components::open_store takes.
  std::string checkpoints_of(job_id job) const;
  result<std::unique_ptr<checkpoint_store>> open_checkpoints(job_id job, const std::string& name) const;
  std::string outbox(job_id job) const { return folder(job) + "/outbox"; }
  const std::string& directory() const { return directory_; }
  std::string folder(job_id job) const;

 private:
  std::string directory_;
  std::string checkpoints_;
  const job_components& components_;
};

/// 16 hexadecimal digits.
std::string job_id_text(job_id job);

/// Compiles a submitted job at a parallelism (0: as submitted).
compile_result compile_job(const proto::JobDefinition& definition, uint32_t parallelism);

}  // namespace systole
