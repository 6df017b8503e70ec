#pragma once

#include <chrono>
#include <string>

#include "app/cluster_client.h"

namespace systole {

enum class awaited { running, ended };

/// Looks at a job again and again until it runs or has ended; tells on stderr what it waits for, when that changes.
/// Gives the exit code: 0; 1 where it has failed (or has ended, where it was to run); 3 where no coordinator answers; 4
/// after `patience`, while the job goes on.
int wait_for_job(const char* verb, const cluster_flags& flags, const std::string& job, awaited what,
                 std::chrono::seconds patience);

}  // namespace systole
