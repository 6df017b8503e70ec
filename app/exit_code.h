#pragma once

namespace systole {

/// What the command's exit status means; scripts rely on it.
enum exit_code : int {
  exit_success = 0,
  exit_negative = 1,     ///< invalid manifest, failed test, failed job
  exit_usage = 2,
  exit_unreachable = 3,  ///< no coordinator answers, or it does not let us
  exit_timed_out = 4,    ///< no answer in time; what was asked goes on
  exit_interrupted = 130,
};

}  // namespace systole
