#pragma once

#include <string>
#include <vector>

#include "base/json_text.h"
#include "coordination/cluster_service.h"
#include "http/message.h"

namespace systole {

/// The body of a request that brings manifests: to submit them, or to compare them.
result<job_submission> read_submission(const std::string& text);
/// A list of "file:line:column: error[...]: ...".
void write_problems(json_text& to, const std::vector<std::string>& problems);
/// The answer to manifests with errors.
http_response refused_manifest(const std::vector<std::string>& problems);

}  // namespace systole
