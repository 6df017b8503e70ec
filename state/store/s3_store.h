#pragma once

#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "s3/client.h"
#include "state/store/checkpoint_store.h"

namespace systole {

/// A store in an S3 bucket, laid out as in a directory (docs/format/checkpoint.md). `cache`: a local directory of this
/// process's own for copies of its files, of up to limits::s3_cache_bytes; it may be lost, and goes with the store unless it
/// is kept. `files` is kept. `job`: refuses the checkpoints of another; empty: none.
result<std::unique_ptr<checkpoint_store>> open_s3_store(s3_client_options options, file_system& files,
                                                        const std::string& cache, const std::string& job,
                                                        bool keeps_cache = true);

}  // namespace systole
