#pragma once

#include <string>

#include "app/cluster_client.h"
#include "app/commands.h"

namespace systole {

/// What stop, cancel, resume, rescale and delete have in common: a job, something that is asked of it, and maybe a wait
/// for what comes of it.
struct job_request_flags : cluster_flags {
  std::string job;
  bool wait = false;
  uint32_t timeout_s = 300;
};
/// Adds JOB, -o and the cluster's flags; with `waits` also --wait and --timeout.
void add_job_request_flags(CLI::App& verb, job_request_flags& into, const char* waits = nullptr);

enum class then_wait { none, ended, running };
/// Asks; tells `done` on stdout where the output is a table. Waits where the flags say so.
int request_of_job(const char* verb, const job_request_flags& flags, const std::string& what,
                   json_value::object members, const std::string& done, then_wait wait);

}  // namespace systole
