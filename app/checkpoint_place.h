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

/// The flag --checkpoints.
void add_checkpoints_flag(CLI::App& verb, checkpoint_place& into);

/// Lets a job keep its checkpoints there. Then what is a store's directory for others holds copies of its files: the
/// job's first, and only, is STATE/checkpoints. Refuses a state whose checkpoints are elsewhere.
result<void> use_checkpoint_place(const checkpoint_place& place, const std::string& state, job_components& components);

}  // namespace systole
