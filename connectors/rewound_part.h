#pragma once

#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "connectors/file_part.h"

namespace systole {

/// Brings back the staged file of a checkpoint that a job was rewound to. Since then it was published with more rows
/// and moved aside (file_sink_committer::recover), so its first `part.bytes` bytes are copied from there to
/// `staged_path`, durably. `not_found` where no file in `folder` begins with them.
result<void> bring_back_staged(file_system& files, const std::string& folder, const std::string& staged_path,
                               const file_part& part);

}  // namespace systole
