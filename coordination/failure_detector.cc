#include "coordination/failure_detector.h"

#include <algorithm>
#include <limits>

namespace systole {

failure_detector::verdict failure_detector::on_report(incarnation_id worker, timestamp_us now_us) {
  if (retired_.contains(worker)) return verdict::retired;
  const auto [at, is_new] = alive_.insert_or_assign(worker, now_us);
  return is_new ? verdict::joined : verdict::known;
}

bool failure_detector::on_connection_lost(incarnation_id worker) {
  if (alive_.erase(worker) == 0) return false;
  retire(worker);
  return true;
}

std::vector<incarnation_id> failure_detector::on_time(timestamp_us now_us) {
  std::vector<incarnation_id> given_up;
  if (started_ && now_us - last_time_us_ > with_.own_pause_us) {
    // Reports of that while may wait in the mailbox behind this call.
    const int64_t slept = now_us - last_time_us_;
    for (auto& [worker, last] : alive_) last = std::min(last + slept, now_us);
  }
  started_ = true;
  last_time_us_ = now_us;
  for (const auto& [worker, last] : alive_)
    if (now_us - last >= with_.patience_us) given_up.push_back(worker);
  for (const incarnation_id worker : given_up) {
    alive_.erase(worker);
    retire(worker);
  }
  return given_up;
}

timestamp_us failure_detector::next_wakeup_us() const {
  return started_ ? last_time_us_ + with_.own_pause_us / 2 : std::numeric_limits<timestamp_us>::min();
}

void failure_detector::retire(incarnation_id worker) {
  if (!retired_.insert(worker).second) return;
  retired_order_.push_back(worker);
  if (retired_order_.size() <= kept_retired) return;
  retired_.erase(retired_order_.front());
  retired_order_.pop_front();
}

}  // namespace systole
