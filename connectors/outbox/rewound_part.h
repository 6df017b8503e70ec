#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/result.h"
#include "connectors/outbox/file_part.h"

namespace systole {

/// Gives `bytes` bytes of a file from `from` on, in blocks; false where it has fewer.
result<bool> read_range(const readable_file& file, uint64_t from, uint64_t bytes,
                        const std::function<result<void>(std::string_view)>& take);

/// Finds what was the staged file of a checkpoint that a job was rewound to. Since then it was published with more rows
/// and moved aside (file_sink_committer::recover), so it is the file in `folder` that begins with the part's bytes.
/// `not_found` where none does.
result<std::unique_ptr<readable_file>> find_rewound(file_system& files, const std::string& folder,
                                                    const std::string& staged_path, const file_part& part);

}  // namespace systole
