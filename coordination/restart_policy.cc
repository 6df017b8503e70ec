#include "coordination/restart_policy.h"

#include <algorithm>

namespace systole {
namespace {

/// False: another attempt would only meet it again.
bool curable(error_code code) {
  switch (code) {
    case error_code::io:
    case error_code::unavailable:
    case error_code::internal:
    case error_code::data:
    case error_code::not_found: return true;
    case error_code::already_exists:  // another run's output
    case error_code::invalid_argument:
    case error_code::corrupt:
    case error_code::incompatible:
    case error_code::disk_full:
    case error_code::fenced:
    case error_code::limit_exceeded:
    case error_code::cancelled: return false;
  }
  return false;
}

}  // namespace

void restart_policy::on_start(timestamp_us now_us, epoch_id restored_from, uint32_t attempt) {
  attempt_ = attempt;
  started_us_ = now_us;
  restored_from_ = restored_from;
}

void restart_policy::forgive() {
  delay_us_ = with_.initial_delay_us;
  proven_ = false;
  same_failures_ = 0;
}

restart_policy::decision restart_policy::on_failure(timestamp_us now_us, const failure& cause, epoch_id completed) {
  const bool repeated = !causes_.empty() && causes_.back().cause.code == cause.code &&
                        causes_.back().cause.message == cause.message && completed == restored_from_;
  ++failures_;
  same_failures_ = repeated ? same_failures_ + 1 : 1;
  causes_.push_back({attempt_, now_us, restored_from_, cause});
  if (causes_.size() > kept_failures) causes_.erase(causes_.begin());

  if (!with_.restarts) return {false, 0, "the job's restart strategy is none"};
  proven_ |= completed > restored_from_ && now_us - started_us_ >= with_.proven_after_us;
  const bool refused_since = cause.code == error_code::invalid_argument && proven_;
  if (!curable(cause.code) && !refused_since) return {false, 0, "a restart would meet the same failure"};
  // What is unavailable may come back at any time; everything else that repeats exactly is deterministic.
  const bool may_pass = cause.code == error_code::unavailable || refused_since;
  if (!may_pass && same_failures_ >= with_.poison_attempts)
    return {false, 0,
            "the same failure came " + std::to_string(same_failures_) + " times without a checkpoint in between"};
  if (now_us - started_us_ >= with_.stable_after_us) delay_us_ = with_.initial_delay_us;
  const int64_t delay = std::min(delay_us_, with_.most_delay_us);
  delay_us_ = delay > with_.most_delay_us / 2 ? with_.most_delay_us : delay * 2;
  return {true, delay, {}};
}

}  // namespace systole
