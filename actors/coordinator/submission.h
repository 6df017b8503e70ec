#pragma once

#include <memory>
#include <optional>

#include "actors/cluster_storage.h"
#include "coordination/cluster_service.h"

namespace systole {

/// What a user submitted, compiled: to be run, or to be compared with what is there.
struct compiled_submission {
  submission_outcome outcome;
  proto::JobDefinition definition;
  std::shared_ptr<const proto::PhysicalPlan> plan;  ///< null where it has errors
  std::optional<failure> refused;                   ///< the outcome's problems say more
};
compiled_submission compile_submission(const job_submission& what, job_id id, timestamp_us now_us);

}  // namespace systole
