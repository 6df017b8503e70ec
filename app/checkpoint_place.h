#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "actors/components.h"
#include "base/result.h"

namespace systole {

/// Where checkpoints are kept: beside the state, or in an S3 bucket.
struct checkpoint_place {
  std::string url;               ///< s3/location.h; empty: in a directory
  std::string secret_directory;  ///< of the bucket's keys, if the URL names a secret
};

/// Lets a cluster's process open stores by URL beside those in directories. Each has copies of its files in a folder of its
/// own in `cache`, as long as it is open.
void let_buckets_be_opened(job_components& components, const std::string& secret_directory, const std::string& cache);

/// The flag --checkpoints.
void add_checkpoints_flag(CLI::App& verb, checkpoint_place& into);

/// Lets a job keep its checkpoints there. Then what is a store's directory for others holds copies of its files: the
/// job's first, and only, is STATE/checkpoints. Refuses a state whose checkpoints are elsewhere.
result<void> use_checkpoint_place(const checkpoint_place& place, const std::string& state, job_components& components);

}  // namespace systole
