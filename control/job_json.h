#pragma once

#include "base/json_text.h"
#include "coordination/cluster_service.h"

namespace systole {

// What the API says of things; control/openapi.json has the schemas. Each writes one value.
void write_job(json_text& to, const job_summary& job);
void write_details(json_text& to, const job_details& job);
void write_checkpoint(json_text& to, const checkpoint_summary& checkpoint);
void write_failure(json_text& to, const attempt_failure& failed);
void write_worker(json_text& to, const worker_summary& worker);
void write_cluster(json_text& to, const cluster_summary& cluster);
/// Stages, nodes, and what flows between them.
void write_plan(json_text& to, const proto::PhysicalPlan& plan);

}  // namespace systole
