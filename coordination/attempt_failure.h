#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "proto/checkpoint.pb.h"

namespace systole {

/// One failed attempt, for the user.
struct attempt_failure {
  uint32_t attempt = 0;
  timestamp_us at_us = 0;
  epoch_id restored_from;  ///< the epoch that the attempt had started from
  failure cause;           ///< its root cause: the first failure
};

/// The failures of a job that are kept: the last ones.
inline constexpr size_t kept_failures = 20;
/// Of a cause's message in the log; a longer one ends there, and says how long it was.
inline constexpr size_t kept_message_bytes = 4096;

/// As in the job's log, where times are the wall clock's.
proto::LogRecord::Failed to_log(const attempt_failure& failed);
attempt_failure from_log(const proto::LogRecord::Failed& failed);

}  // namespace systole
